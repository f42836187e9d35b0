"""``/v1``: agents for programs that speak to models in OpenAI's way."""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError

from clawft.domain.completions import (
    AnswerMessage,
    AnswerUsage,
    Choice,
    ChunkChoice,
    Completion,
    CompletionChunk,
    CompletionRequest,
    ModelCard,
    ModelCards,
    Trouble,
    Troubles,
    calls_told,
    conversation,
    encoded,
    tool_specs,
)
from clawft.domain.values import UNSET
from clawft.errors import Invalid, UnsupportedMedia
from clawft.messages.agents import ListAgents
from clawft.messages.door import Complete, Completed, ToolAnswer
from clawft.runtime import Reply
from clawft.web.known import Known
from clawft.web.problems import refusal

PATIENCE = 300.0
"""Seconds a request may wait for its turn."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_decoder = msgspec.json.Decoder(CompletionRequest)


class Door(Known):
    """What both have: errors in the shape that these programs read."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        told = refusal(error)
        if error is None:
            self.set_status(status_code)
        else:
            self.set_status(told.status)
        for name, value in told.headers.items():
            self.set_header(name, value)
        self.set_header("Content-Type", "application/json")
        kind = _TYPES.get(told.status, "invalid_request_error" if told.status < 500 else "server_error")
        code = "model_not_found" if told.status == 404 and "agent" in told.message else told.code
        self.finish(encoded(Troubles(Trouble(told.message, code, kind))))


class Models(Door):
    """``GET /v1/models``: every agent of this host."""

    def allowed(self) -> tuple[str, ...]:
        return ("GET", "HEAD", "OPTIONS")

    async def get(self) -> None:
        agents = await self.site.system.ask("agents", ListAgents())
        cards = tuple(ModelCard(agent.id, int(agent.created_at.timestamp())) for agent in agents)
        self.finish(encoded(ModelCards(cards)))

    head = get


class Completions(Door):
    """``POST /v1/chat/completions``: one step of a conversation with an agent.

    ``X-Clawft-Session`` names a session that goes on; without it each request begins one with the history it
    brings. The answer's header of that name says which it was.
    """

    scope = "chat"
    _reply: Reply[Completed] | None = None

    def allowed(self) -> tuple[str, ...]:
        return ("POST", "OPTIONS")

    async def post(self) -> None:
        self.refuse_when_stopping()
        ask = self._asked()
        self._created = int(datetime.now(UTC).timestamp())
        if self._wanted.stream:
            await self._stream(ask)
        else:
            done = await self._done(ask)
            self.set_header("X-Clawft-Session", done.session_key)
            self.finish(encoded(self._completion(done)))
        self.site.count_messages(2)

    def _asked(self) -> Complete:
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise UnsupportedMedia("the body must be application/json")
        try:
            self._wanted = wanted = _decoder.decode(self.request.body)
        except msgspec.DecodeError as error:
            raise Invalid(str(error)) from None
        said = conversation(wanted, datetime.now(UTC))
        session = self.request.headers.get("X-Clawft-Session", "")
        if session and not _SESSION.fullmatch(session):
            raise Invalid("X-Clawft-Session is no key of a session")
        name = self.request.headers.get("X-Request-Id", "")
        if not _REQUEST_ID.fullmatch(name):
            name = f"req-{secrets.token_hex(8)}"
        self.set_header("X-Request-Id", name)
        return Complete(
            wanted.model,
            said.content,
            said.history,
            tool_specs(wanted.tools),
            tuple(ToolAnswer(*answer) for answer in said.answers),
            session,
            name,
        )

    async def _done(self, ask: Complete) -> Completed:
        self._reply = self.site.system.ask("door", ask)
        async with asyncio.timeout(PATIENCE):
            return await self._reply

    def _completion(self, done: Completed) -> Completion:
        calls = calls_told(done.calls, numbered=False) or UNSET
        message = AnswerMessage("assistant", done.content or (None if done.calls else ""), calls)
        return Completion(
            _id(done), self._created, self._wanted.model, (Choice(message, done.finish),), _usage(done)
        )

    # -- streaming

    async def _stream(self, ask: Complete) -> None:
        """The status is settled by the first word, or by the end: what fails before is a plain error."""
        self._begun = False
        self._stream_id = f"chatcmpl-{secrets.token_hex(12)}"
        done = await self._done(msgspec.structs.replace(ask, hear=self._hear))
        if not self._begun:
            self.set_header("X-Clawft-Session", done.session_key)
        if done.content:
            self._hear(done.content)
        if done.calls:
            self._tell(AnswerMessage(role="assistant", tool_calls=calls_told(done.calls, numbered=True)))
        self._tell(AnswerMessage(), finish=done.finish)
        options = self._wanted.stream_options
        if options is not None and options.include_usage:
            self._send(CompletionChunk(self._stream_id, self._created, self._wanted.model, (), _usage(done)))
        self.write(b"data: [DONE]\n\n")
        self.finish()

    def _hear(self, text: str) -> None:
        self._tell(AnswerMessage("assistant" if not self._begun else UNSET, text))

    def _tell(self, delta: AnswerMessage, finish: str | None = None) -> None:
        choice = ChunkChoice(delta, finish)
        self._send(CompletionChunk(self._stream_id, self._created, self._wanted.model, (choice,)))

    def _send(self, chunk: CompletionChunk) -> None:
        if not self._begun:
            self._begun = True
            self.set_header("Content-Type", "text/event-stream")
        try:
            self.write(b"data: %s\n\n" % encoded(chunk))
            written: asyncio.Future[None] = self.flush()
            written.add_done_callback(_look_at)
        except (RuntimeError, StreamClosedError):
            return  # the client has gone, and the turn is being cancelled

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Once words were sent an error can only be an event."""
        if not getattr(self, "_begun", False):
            super().send_error(status_code, **kwargs)
            return
        told = refusal(kwargs["exc_info"][1] if "exc_info" in kwargs else None)
        self.write(b"data: %s\n\n" % encoded(Troubles(Trouble(told.message, told.code, "server_error"))))
        self.finish()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._reply is not None:
            self._reply.cancel()


def _look_at(written: "asyncio.Future[None]") -> None:
    if not written.cancelled():
        written.exception()


def _id(done: Completed) -> str:
    return f"chatcmpl-{done.id}"


def _usage(done: Completed) -> AnswerUsage:
    spent, made = done.usage.input_tokens, done.usage.output_tokens
    return AnswerUsage(spent, made, spent + made)
