"""A provider of models on loopback that speaks both wire formats, and fails in every way it is asked to.

What the last user message says decides: ``fault:<name>`` fails so each time, ``flaky:<name>:<n>:<id>`` the
first n times, ``call:<tool>:<json>`` wants a tool, ``slow:<seconds>`` is slow; anything else is said back.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

KEY = "sk-test-0123456789"
STATUSES = {"401": 401, "400": 400, "404": 404, "429": 429, "500": 500, "529": 529, "quota": 429}


class Provider:
    """What it was asked, and where it listens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.tries: Counter[str] = Counter()
        self.open = 0
        self.most_open = 0
        self.retry_after = "0.2"
        self.url = ""


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A provider that listens while the block runs."""
    made = Provider()
    routes = [(r"/v1/chat/completions", Completions), (r"/v1/messages", Messages)]
    server = HTTPServer(Application([(path, kind, {"provider": made}) for path, kind in routes]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    made.url = f"http://127.0.0.1:{port}"
    try:
        yield made
    finally:
        server.stop()
        await server.close_all_connections()


class Wire(RequestHandler):
    """One call: what it wants is read from its last user message."""

    provider: Provider

    def initialize(self, provider: Provider) -> None:
        self.provider = provider

    async def post(self) -> None:
        body = json.loads(self.request.body)
        mine = self.provider
        mine.asked.append(body)
        mine.keys.append(self.key())
        mine.open += 1
        mine.most_open = max(mine.most_open, mine.open)
        try:
            await self.answer(body)
        except StreamClosedError:
            pass
        finally:
            mine.open -= 1

    async def answer(self, body: dict[str, Any]) -> None:
        wish = self.wish(body)
        if "temperature" in body and body["model"] == "stubborn":
            self.fail(400, "`temperature` is not supported with this model")
            return
        fault = self.fault(wish)
        if fault in STATUSES:
            self.fail(STATUSES[fault], f"because of {fault}", quota=fault == "quota")
            return
        if fault == "hang":
            await asyncio.sleep(30)
        if wish.startswith("slow:"):
            await asyncio.sleep(float(wish.partition(":")[2]))
        self.set_header("Content-Type", "text/event-stream")
        if fault == "malformed":
            await self.write_out("data: {this is no JSON\n\nevent: message_start\ndata: {neither\n\n")
            return
        if wish.startswith("call:") and not self.has_result(body):
            _, tool, arguments = wish.split(":", 2)
            await self.call(tool, arguments)
            return
        await self.say(f"you said {wish}", fault)

    def fault(self, wish: str) -> str:
        kind, _, rest = wish.partition(":")
        if kind == "fault":
            return rest
        if kind == "flaky":
            name, times, _ = rest.split(":")
            self.provider.tries[wish] += 1
            return name if self.provider.tries[wish] <= int(times) else ""
        return ""

    def fail(self, status: int, words: str, *, quota: bool = False) -> None:
        self.set_status(status)
        if status == 429 and not quota:
            self.set_header("Retry-After", self.provider.retry_after)
        kind = "insufficient_quota" if quota else "some_error"
        self.finish({"type": "error", "error": {"type": kind, "code": kind, "message": words}})

    async def write_out(self, text: str) -> None:
        self.write(text)
        await self.flush()

    def break_off(self) -> None:
        stream = getattr(self.request.connection, "stream")  # noqa: B009  # HTTP1Connection has it
        stream.close()

    # -- what differs

    def key(self) -> str:
        raise AssertionError

    def wish(self, body: dict[str, Any]) -> str:
        raise AssertionError

    def has_result(self, body: dict[str, Any]) -> bool:
        raise AssertionError

    async def call(self, tool: str, arguments: str) -> None:
        raise AssertionError

    async def say(self, text: str, fault: str) -> None:
        raise AssertionError


class Completions(Wire):
    """OpenAI's chat completions."""

    def key(self) -> str:
        return self.request.headers.get("Authorization", "").removeprefix("Bearer ")

    def wish(self, body: dict[str, Any]) -> str:
        return str([each["content"] for each in body["messages"] if each["role"] == "user"][-1])

    def has_result(self, body: dict[str, Any]) -> bool:
        return bool(body["messages"][-1]["role"] == "tool")

    async def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        whole = {
            "id": "c-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": choices,
        }
        await self.write_out(f"data: {json.dumps(whole | more)}\n\n")

    async def call(self, tool: str, arguments: str) -> None:
        half = len(arguments) // 2
        name = {"name": tool, "arguments": ""}
        await self.chunk({"tool_calls": [{"index": 0, "id": "call-1", "type": "function", "function": name}]})
        for piece in (arguments[:half], arguments[half:]):
            await self.chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        await self.end("tool_calls")

    async def say(self, text: str, fault: str) -> None:
        for place, word in enumerate(text.split(" ")):
            if fault == "cut" and place == 1:
                self.break_off()
                return
            if fault == "stall" and place == 1:
                await asyncio.sleep(30)
            await self.chunk({"content": word if place == 0 else f" {word}"})
        if fault != "silent-end":
            await self.end("length" if fault == "length" else "stop")

    async def end(self, finish: str) -> None:
        await self.chunk({}, finish)
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        await self.write_out(f"data: {json.dumps(self.last(usage))}\n\ndata: [DONE]\n\n")

    def last(self, usage: dict[str, int]) -> dict[str, Any]:
        return {
            "id": "c-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [],
            "usage": usage,
        }


class Messages(Wire):
    """Anthropic's Messages API."""

    def key(self) -> str:
        bearer = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.request.headers.get("X-Api-Key", "") or bearer

    def wish(self, body: dict[str, Any]) -> str:
        users = [each for each in body["messages"] if each["role"] == "user"]
        texts = [block["text"] for each in users for block in each["content"] if block["type"] == "text"]
        return str(texts[-1])

    def has_result(self, body: dict[str, Any]) -> bool:
        return any(block["type"] == "tool_result" for block in body["messages"][-1]["content"])

    async def event(self, type: str, **more: Any) -> None:
        await self.write_out(f"event: {type}\ndata: {json.dumps({'type': type} | more)}\n\n")

    async def begin(self, block: dict[str, Any]) -> None:
        message = {"id": "m-1", "type": "message", "role": "assistant", "model": "m", "content": []}
        usage = {"input_tokens": 1000, "output_tokens": 1}
        rest = {"stop_reason": None, "stop_sequence": None, "usage": usage}
        await self.event("message_start", message=message | rest)
        await self.event("content_block_start", index=0, content_block=block)

    async def call(self, tool: str, arguments: str) -> None:
        await self.begin({"type": "tool_use", "id": "toolu-1", "name": tool, "input": {}})
        half = len(arguments) // 2
        for piece in (arguments[:half], arguments[half:]):
            delta = {"type": "input_json_delta", "partial_json": piece}
            await self.event("content_block_delta", index=0, delta=delta)
        await self.end("tool_use")

    async def say(self, text: str, fault: str) -> None:
        await self.begin({"type": "text", "text": ""})
        for place, word in enumerate(text.split(" ")):
            if fault == "cut" and place == 1:
                self.break_off()
                return
            if fault == "stall" and place == 1:
                await asyncio.sleep(30)
            if fault == "overloaded" and place == 1:
                await self.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
                return
            delta = {"type": "text_delta", "text": word if place == 0 else f" {word}"}
            await self.event("content_block_delta", index=0, delta=delta)
        if fault != "silent-end":
            await self.end("max_tokens" if fault == "length" else "end_turn")

    async def end(self, reason: str) -> None:
        await self.event("content_block_stop", index=0)
        delta = {"stop_reason": reason, "stop_sequence": None}
        await self.event("message_delta", delta=delta, usage={"output_tokens": 100})
        await self.event("message_stop")
