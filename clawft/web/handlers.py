"""The one REST handler: a request becomes a message, an actor's answer becomes the response."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec
from tornado.web import stream_request_body

from clawft.domain.tokens import Caller
from clawft.domain.values import Value
from clawft.errors import ClawftError, Forbidden, NotFound, TooLarge, UnsupportedMedia
from clawft.runtime import Reply
from clawft.web.base import Guarded
from clawft.web.form import Form
from clawft.web.problems import MethodNotAllowed
from clawft.web.routes import Route

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ENCODER = msgspec.json.Encoder()

Forms = Mapping[str, Form]
"""The forms of one path, by method."""


class Methods(Value, frozen=True):
    """The answer to OPTIONS."""

    methods: tuple[str, ...]


class Endpoint(Guarded):
    """Every route of the table, when the request has no body."""

    def initialize(self, **given: Any) -> None:
        super().initialize(**given)
        self.forms: Forms = given["forms"]
        self.path: Mapping[str, str] = given["path"]
        self.reply: Reply[Any] | None = None

    def allowed(self) -> tuple[str, ...]:
        head = ("HEAD",) if "GET" in self.forms else ()
        return (*self.forms, *head, "OPTIONS")

    def prepare(self) -> Awaitable[None] | None:
        self.check_head()
        if self.request.method == "OPTIONS":
            return None
        method = "GET" if self.request.method == "HEAD" else self.request.method or ""
        form = self.forms.get(method)
        if form is None:
            raise MethodNotAllowed(self.request.method or "", self.allowed())
        self.form = form
        self.route: Route = form.route
        if self.site.is_stopping and method != "GET":
            self.refuse_when_stopping()
        return self.recognise()

    def recognise(self) -> Awaitable[None] | None:
        """Find out who is asking. A plain function where the answer is at hand: a coroutine costs a turn of
        the loop, and with it a third of the requests per second."""
        bearer = self.bearer()
        if self.route.scope == "open":
            return self._recognise_for_minting(bearer) if self.form.takes_caller else None
        return self._admitted(self.authenticate(bearer))

    def _admitted(self, reply: Reply[Caller | None]) -> Awaitable[None] | None:
        if reply.done():
            self.admit(reply.result(), self.route.scope)
            return None

        async def later() -> None:
            self.admit(await reply, self.route.scope)

        return later()

    async def _recognise_for_minting(self, bearer: str | None) -> None:
        if bearer is not None:
            self.admit(await self.authenticate(bearer), self.route.scope)
            return
        caller, why = await self.local_caller()
        if why is not None:
            raise Forbidden(f"a token is given without a secret only to this machine's operator: {why}")
        self.caller = caller

    def answer(self, *_: str) -> Awaitable[None] | None:
        headers: Mapping[str, str] = self.request.headers
        if self.form.header_fields:
            headers = self._named(headers)
        message = self.form.read(self.path, self.request.query_arguments, self.body(), self.caller, headers)
        self.reply = reply = self.site.system.ask(self.route.actor, message)
        if reply.done():
            self._succeed(reply.result())
            return None
        return self._wait(reply)

    get = head = post = put = patch = delete = trace = connect = answer

    def _named(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers with a name for this request, which the answer carries too: the client's, if any."""
        name = headers.get("X-Request-Id", "")
        if not _REQUEST_ID.fullmatch(name):
            name = f"req-{secrets.token_hex(8)}"
        self.set_header("X-Request-Id", name)
        return {**headers, "X-Request-Id": name}

    def options(self, *_: str) -> None:
        self.set_header("Allow", ", ".join(self.allowed()))
        self.send(Methods(self.allowed()))

    def body(self) -> bytes:
        return b""

    def send(self, value: Any) -> None:
        self.finish(_ENCODER.encode(value))

    async def _wait(self, reply: Reply[Any]) -> None:
        # Leaving this block by time-out or cancellation cancels the reply, and with it the work.
        async with asyncio.timeout(self.route.patience):
            value = await reply
        self._succeed(value)

    def _succeed(self, value: Any) -> None:
        if self.route.is_talk:
            self.site.count_messages(2)
        if self.route.is_audited:
            self.site.record(self.caller, f"{self.route.method} {ascii(self.request.path)[1:-1][:256]}")
        self.send(value)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self.reply is not None:
            self.reply.cancel()


@stream_request_body
class BodyEndpoint(Endpoint):
    """Every route of the table, when a body follows.

    Who asks is settled before the body is read. A refused body of a bearable size is read and thrown away: a
    connection closed on a client that still sends would hide the refusal from it.
    """

    def initialize(self, **given: Any) -> None:
        super().initialize(**given)
        self._parts: list[bytes] = []
        self._size = 0
        self._refusal: ClawftError | None = None

    def prepare(self) -> Awaitable[None] | None:
        try:
            self.check_head()
            self._check_size()
            waiting = super().prepare()
        except ClawftError as error:
            if self._is_endless():
                raise
            self._refusal = error
            return None
        return self._prepared(waiting) if waiting is not None else None

    async def _prepared(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except ClawftError as error:
            self._refusal = error

    def _check_size(self) -> None:
        limits = self.site.limits
        connection: Any = self.request.connection
        connection.set_max_body_size(limits.drained_bytes)
        if self._length() > limits.body_bytes:
            raise TooLarge(f"the body is larger than {limits.body_bytes} bytes")

    def _is_endless(self) -> bool:
        return self._length() > self.site.limits.drained_bytes

    def _length(self) -> int:
        length = self.request.headers.get("Content-Length", "0")
        return int(length) if length.isdigit() and len(length) < 20 else 0

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self.site.limits.body_bytes and self._refusal is None:
            self._refusal = TooLarge(f"the body is larger than {self.site.limits.body_bytes} bytes")
        if self._refusal is None:
            self._parts.append(chunk)
        else:
            self._parts.clear()

    def answer(self, *_: str) -> Awaitable[None] | None:
        if self._refusal is not None:
            raise self._refusal
        return super().answer()

    get = head = post = put = patch = delete = trace = connect = answer

    def options(self, *_: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        super().options()

    def body(self) -> bytes:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.route.method not in ("GET", "DELETE") and self._size and kind != "application/json":
            raise UnsupportedMedia("the body must be application/json")
        return b"".join(self._parts)


class Nothing(Guarded):
    """What is asked for under /api or /ws and is not there."""

    def prepare(self) -> None:
        self.check_head()
        raise NotFound(f"there is nothing at {ascii(self.request.path)[1:-1][:128]}")
