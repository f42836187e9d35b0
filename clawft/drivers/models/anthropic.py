"""Models behind Anthropic's Messages API, through the official client."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tool_names import ToolNames
from clawft.drivers.models.failures import Opening, broke_off, in_words, steady
from clawft.drivers.models.prices import Price
from clawft.errors import ModelFailed

_STOPS: dict[str, Literal["end", "tools", "length"]] = {
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


@dataclass
class _Call:
    id: str
    name: str
    arguments: str = ""


@dataclass
class _Answer:
    """What has come so far of one answer."""

    calls: dict[int, _Call]
    stop: str = ""
    is_whole: bool = False
    input_tokens: int = 0
    cached: int = 0
    output_tokens: int = 0

    def count(self, usage: Any) -> None:
        """Each report says what all of it is until then; what it does not say has not changed."""
        if usage is None:
            return
        read = getattr(usage, "cache_read_input_tokens", None) or 0
        made = getattr(usage, "cache_creation_input_tokens", None) or 0
        fresh = getattr(usage, "input_tokens", None)
        if fresh:
            self.input_tokens, self.cached = fresh + read + made, read
        self.output_tokens = getattr(usage, "output_tokens", None) or self.output_tokens


class AnthropicModel:
    """All models of one account."""

    def __init__(self, who: str, base: str, key: str | None, *, patience: float, price: Price) -> None:
        """Imports the client, which takes two seconds: not on the event loop. ``patience``: seconds it may be
        silent. No call is made again here: the account decides that for all sessions together."""
        import httpx2
        from anthropic import AsyncAnthropic

        self._who, self._patience, self._price = who, patience, price
        self._opening = Opening(who, patience, temperature="extra_body")
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
        timeout = httpx2.Timeout(patience, connect=min(10.0, patience), pool=None)
        self._client = AsyncAnthropic(
            api_key=key or "none",
            base_url=base,
            max_retries=0,
            timeout=timeout,
            http_client=httpx2.AsyncClient(limits=limits, timeout=timeout, trust_env="://127." not in base),
        )

    async def close(self) -> None:
        await self._client.close()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Raises ``ModelFailed`` for whatever goes wrong between here and there."""
        names = ToolNames(tool.name for tool in request.tools)
        try:
            raw = await self._begun(request, names)
            answer = _Answer({})
            async with raw:
                async for event in steady(raw, self._patience, self._who):
                    if text := _take(answer, event):
                        yield TextDelta(text)
            if not answer.is_whole:
                raise broke_off(self._who)
            for last in self._ended(request, names, answer):
                yield last
        except ModelFailed:
            raise
        except Exception as error:
            raise in_words(error, self._who) from error

    async def _begun(self, request: ModelRequest, names: ToolNames) -> Any:
        return await self._opening.begin(_options(request, names), self._client.messages.create)

    def _ended(self, request: ModelRequest, names: ToolNames, answer: _Answer) -> Iterable[ModelEvent]:
        stop = _STOPS.get(answer.stop, "end")
        calls = tuple(
            ToolCallInfo(id=call.id, name=names.ours(call.name), arguments=call.arguments or "{}")
            for _, call in sorted(answer.calls.items())
        )
        if calls and stop != "length":
            yield ToolCalls(calls)
        usage = Usage(answer.input_tokens, answer.output_tokens)
        yield Finished(stop, self._price(request.model, usage, answer.cached))


def _take(answer: _Answer, event: Any) -> str:
    """What an event adds; the text in it, if there is any."""
    if event.type == "message_start":
        answer.count(event.message.usage)
    elif event.type == "content_block_start":
        return _begun(answer, event.index, event.content_block)
    elif event.type == "content_block_delta":
        return _continued(answer, event.index, event.delta)
    elif event.type == "message_delta":
        answer.stop = event.delta.stop_reason or answer.stop
        answer.count(event.usage)
    elif event.type == "message_stop":
        answer.is_whole = True
    return ""


def _begun(answer: _Answer, index: int, block: Any) -> str:
    if block.type == "tool_use":
        answer.calls[index] = _Call(block.id, block.name)
    return str(block.text or "") if block.type == "text" else ""


def _continued(answer: _Answer, index: int, delta: Any) -> str:
    if delta.type == "input_json_delta":
        answer.calls[index].arguments += delta.partial_json
    return str(delta.text) if delta.type == "text_delta" else ""


def _options(request: ModelRequest, names: ToolNames) -> dict[str, Any]:
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    options: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": _messages(request.messages, names),
        "stream": True,
        # The client has no parameter for it since newer models take none; older ones do, up to 1.
        "extra_body": {"temperature": min(1.0, request.temperature)},
    }
    if system:
        options["system"] = system
    if request.tools:
        options["tools"] = [
            {
                "name": names.theirs(tool.name),
                "description": tool.description,
                "input_schema": tool.parameters,
            }
            for tool in request.tools
        ]
    return options


def _messages(messages: Iterable[ModelMessage], names: ToolNames) -> list[dict[str, Any]]:
    """The conversation as they take it: user and assistant by turns, results of tools in the user's place."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = list(_blocks(message, names))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if turns and turns[0]["role"] == "assistant":
        turns.insert(
            0, {"role": "user", "content": [{"type": "text", "text": "(earlier messages left out)"}]}
        )
    return turns


def _blocks(message: ModelMessage, names: ToolNames) -> Iterable[dict[str, Any]]:
    if message.role == "tool":
        yield {
            "type": "tool_result",
            "tool_use_id": message.tool_call_id,
            "content": message.content or "(nothing)",
        }
        return
    if message.content.strip():  # they refuse blocks of white space
        yield {"type": "text", "text": message.content}
    for call in message.tool_calls:
        yield {
            "type": "tool_use",
            "id": call.id,
            "name": names.theirs(call.name),
            "input": _object(call.arguments),
        }


def _object(arguments: str) -> dict[str, Any]:
    """Arguments as an object; what a model once got wrong is shown to it as it was."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {"_not_json": arguments}
