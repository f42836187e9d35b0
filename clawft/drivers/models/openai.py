"""Models behind OpenAI's chat completions, or anything that speaks like it, through the official client."""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tool_names import ToolNames
from clawft.drivers.models.failures import Opening, broke_off, in_words, steady
from clawft.drivers.models.prices import Price
from clawft.errors import ModelFailed

NO_KEY = "none"
"""Sent where no key is needed; the client refuses to send nothing."""


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class OpenAIModel:
    """All models of one provider, or server, at one address."""

    def __init__(self, who: str, base: str, key: str | None, *, patience: float, price: Price) -> None:
        """Imports the client, which takes a second: not on the event loop. ``patience``: seconds it may be
        silent. No call is made again here: the account decides that for all sessions together."""
        import httpx2
        from openai import AsyncOpenAI

        self._who, self._patience, self._price = who, patience, price
        self._opening = Opening(who, patience)
        self._is_home = "api.openai.com" in base
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
        timeout = httpx2.Timeout(patience, connect=min(10.0, patience), pool=None)
        self._client = AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=base,
            max_retries=0,
            timeout=timeout,
            http_client=httpx2.AsyncClient(limits=limits, timeout=timeout, trust_env=not _is_loopback(base)),
        )

    async def close(self) -> None:
        await self._client.close()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Raises ``ModelFailed`` for whatever goes wrong between here and there."""
        names = ToolNames(tool.name for tool in request.tools)
        try:
            chunks = await self._begun(request, names)
            async with chunks:
                async for event in self._events(request, names, steady(chunks, self._patience, self._who)):
                    yield event
        except ModelFailed:
            raise
        except Exception as error:
            raise in_words(error, self._who) from error

    async def _begun(self, request: ModelRequest, names: ToolNames) -> Any:
        options = self._options(request, names)
        return await self._opening.begin(options, self._client.chat.completions.create)

    def _options(self, request: ModelRequest, names: ToolNames) -> dict[str, Any]:
        options: dict[str, Any] = {
            "model": request.model,
            "messages": [_message(message, names) for message in request.messages],
            "temperature": request.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens" if self._is_home else "max_tokens": request.max_tokens,
        }
        if request.tools:
            options["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": names.theirs(tool.name),
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in request.tools
            ]
        return options

    async def _events(
        self, request: ModelRequest, names: ToolNames, chunks: AsyncGenerator[Any, None]
    ) -> AsyncGenerator[ModelEvent, None]:
        calls: dict[int, _Call] = {}
        said, end, counted = 0, "", None
        async for chunk in chunks:
            counted = getattr(chunk, "usage", None) or counted
            for choice in chunk.choices or ():
                if choice.delta is not None:
                    if choice.delta.content:
                        said += len(choice.delta.content)
                        yield TextDelta(choice.delta.content)
                    _collect(calls, choice.delta.tool_calls or ())
                end = choice.finish_reason or end
        if not end:
            raise broke_off(self._who)
        wanted = tuple(_call(call, names) for _, call in sorted(calls.items()))
        if wanted and end != "length":
            yield ToolCalls(wanted)
        usage = self._usage(request, counted, said, wanted)
        yield Finished("length" if end == "length" else "tools" if wanted else "end", usage)

    def _usage(
        self, request: ModelRequest, counted: Any, said: int, wanted: tuple[ToolCallInfo, ...]
    ) -> Usage:
        """As they counted it; servers that do not count are estimated."""
        if counted is None:
            shown = sum(size(message) for message in request.messages)
            made = said + sum(len(call.name) + len(call.arguments) for call in wanted)
            return self._price(request.model, Usage(shown, estimate_tokens("x" * made), estimated=True), 0)
        details = getattr(counted, "prompt_tokens_details", None)
        cached = (getattr(details, "cached_tokens", 0) or 0) if details else 0
        usage = Usage(counted.prompt_tokens or 0, counted.completion_tokens or 0)
        return self._price(request.model, usage, cached)


def _is_loopback(base: str) -> bool:
    """A proxy in the environment is for what is beyond this machine."""
    return "://127." in base or "://localhost" in base or "://[::1]" in base


def _message(message: ModelMessage, names: ToolNames) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    return {
        "role": "assistant",
        "content": message.content or None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": names.theirs(call.name), "arguments": call.arguments or "{}"},
            }
            for call in message.tool_calls
        ],
    }


def _collect(calls: dict[int, _Call], pieces: Any) -> None:
    for piece in pieces:
        # Some servers number no calls, and send each whole.
        index = piece.index if piece.index is not None else len(calls)
        call = calls.setdefault(index, _Call())
        call.id = piece.id or call.id
        if piece.function is not None:
            call.name += piece.function.name or ""
            call.arguments += piece.function.arguments or ""


def _call(call: _Call, names: ToolNames) -> ToolCallInfo:
    id = call.id or f"call-{secrets.token_hex(6)}"
    return ToolCallInfo(id=id, name=names.ours(call.name), arguments=call.arguments or "{}")
