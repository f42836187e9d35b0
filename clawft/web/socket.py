"""The WebSocket: frames in become asks, events become frames out."""

import asyncio
import socket
import time
from collections.abc import Coroutine
from typing import Any

import msgspec
from tornado.iostream import SSLIOStream, StreamClosedError
from tornado.websocket import WebSocketHandler

from clawft.domain import json_text, topics
from clawft.domain.canvas import CanvasInteraction
from clawft.domain.limits import Bucket
from clawft.domain.sessions import VOICE_SESSION
from clawft.domain.tokens import Caller, Scope
from clawft.errors import Busy, Forbidden, Invalid, Unauthorized
from clawft.messages.canvas import Interact
from clawft.messages.sessions import GetSession
from clawft.messages.voice import PushToTalk
from clawft.runtime import Ask
from clawft.web import guard
from clawft.web.base import Guarded
from clawft.web.form import as_invalid
from clawft.web.frames import as_text, message, text_frame
from clawft.web.outbox import Outbox
from clawft.web.problems import refusal
from clawft.web.sockets import POLICY_VIOLATION
from clawft.web.subscriber import Subscriber

PROTOCOL = "clawft"
_BEARER = "clawft.bearer."


class EventSocket(Guarded, WebSocketHandler):
    """``/ws`` hears what it subscribes to; ``/ws/canvas`` and ``/ws/chat/:session`` begin subscribed.

    Nothing upgrades before it is known who asks.
    """

    def initialize(self, **given: Any) -> None:
        super().initialize(**given)
        self._session: str | None = given["path"].get("session")
        self._starts_with: tuple[str, ...] = given.get("starts_with", ())
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self._stream: Any = None

    async def prepare(self) -> None:
        self.check_head()
        self.refuse_when_stopping()
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise Invalid("this address speaks WebSocket only")
        self.admit(await self._who(), "read")
        self.site.sockets.check_room(self.caller or Caller("nobody"))
        if self._session is not None:
            await self._check_session(self._session)

    def open(self, *_: str, **__: str) -> None:
        connection: Any = self.ws_connection
        self._stream = connection.stream
        if self._stream.closed():
            raise StreamClosedError  # it left while we asked who it is; Tornado ends the handshake
        self._stream.set_nodelay(True)
        limits = self.site.limits
        self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.send_buffer)
        # Bytes may go past the stream only where it would pass them on unchanged.
        self._is_plain = not isinstance(self._stream, SSLIOStream)
        self._outbox = Outbox(self._send, _lagged, limits)
        self._subscriber = Subscriber(self.site.system, self._outbox, as_text, limits)
        self._frames = Bucket(limits.frames_at_once, limits.frames_per_second)
        self._too_many = 0
        self.site.sockets.add(self)
        self.say("connected")
        for topic in self._first_topics():
            self._begin(self._subscribe_to(topic, None))

    def on_message(self, text: str | bytes) -> None:
        if not self._frames.take(time.monotonic()):
            self._too_many = 0
            self._begin(self._take(text))
        elif self._too_many < self.site.limits.frames_at_once:
            self._too_many += 1
            self.say("error", message="too many frames; this one was not read")
        else:
            self.cut(POLICY_VIOLATION, "too many frames")

    def on_close(self) -> None:
        self._leave()
        if self._stream is not None and self._stream.error is not None:
            # Its frames know the stream: a circle would wait in memory for the collector.
            self._stream.error.__traceback__ = None

    def check_origin(self, origin: str) -> bool:
        return True  # prepare() has refused every origin that is not ours

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return PROTOCOL if PROTOCOL in subprotocols else None

    @property
    def waiting_bytes(self) -> int:
        return self._outbox.size

    def is_stuck(self) -> bool:
        return self._outbox.is_stuck()

    def cut(self, code: int, reason: str) -> None:
        if not self._is_cut:
            self._leave()
            self.close(code, reason)

    def say(self, kind: str, **members: Any) -> None:
        """Send a frame that is no event."""
        self._outbox.put(kind, text_frame(message(kind, **members)))

    # Who is it?

    async def _who(self) -> Caller:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        inside = [name.strip()[len(_BEARER) :] for name in offered if name.strip().startswith(_BEARER)]
        in_query = [value.decode("latin-1") for value in self.request.query_arguments.get("token", [])]
        if in_query and not guard.is_loopback(self.request.remote_ip or ""):
            raise Unauthorized("?token= is taken from this machine only; use the subprotocol or the header")
        bearer = self.bearer() or next(iter(inside + in_query), None)
        if bearer is not None:
            return await self._holder(bearer)
        caller, why = await self.local_caller()
        if why is not None:
            raise Unauthorized(f"a token is needed: {why}")
        return caller

    async def _holder(self, bearer: str) -> Caller:
        caller = await self.authenticate(bearer)
        if caller is None:
            raise Unauthorized("the token is not valid")
        return caller

    async def _check_session(self, key: str) -> None:
        if key != VOICE_SESSION:
            await self.site.system.ask("sessions", GetSession(key))

    def _first_topics(self) -> tuple[str, ...]:
        if self._session is None:
            return self._starts_with
        return topics.messages_of(self._session), topics.stream_of(self._session)

    # What does it want?

    async def _take(self, text: str | bytes) -> None:
        frame = json_text.read(text) if isinstance(text, str) else None
        if not isinstance(frame, dict):
            raise Invalid("a frame is a JSON object")
        match frame.get("type"):
            case "ping":
                self.say("pong")
            case "subscribe":
                await self._subscribe_to(_topic(frame), _since(frame))
            case "unsubscribe":
                self._subscriber.unsubscribe(topic := _topic(frame))
                self.say("unsubscribed", topic=topic)
            case "canvas_interaction":
                await self._ask("canvas", Interact(_interaction(frame)), "chat")
            case "voice:push_to_talk_start" | "voice:push_to_talk_stop" as kind:
                await self._ask("voice", PushToTalk(down=kind.endswith("start")), "operate")
            case str() as kind:
                raise Invalid(f"there is no frame of type {kind[:64]!r}", path="$.type")
            case _:
                raise Invalid("a frame needs a type", path="$.type")

    async def _subscribe_to(self, topic: str, since: int | None) -> None:
        greeting = text_frame(message("subscribed", topic=topic))
        await self._subscriber.subscribe(topics.check(topic), since, greeting)

    async def _ask(self, actor: str, question: Ask[Any], scope: Scope) -> None:
        if self.caller is None or not self.caller.may(scope):
            raise Forbidden(f"this token has not the scope {scope!r}")
        await self.site.system.ask(actor, question)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside the reading of frames: a pong must not wait behind an ask."""
        if len(self._tasks) >= self.site.limits.frames_at_once:
            work.close()
            self.say("error", message=str(Busy("too many frames are being worked on")))
            return
        task = asyncio.get_running_loop().create_task(self._or_say_why_not(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it was never begun

    async def _or_say_why_not(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.log_exception(type(error), error, error.__traceback__)
            self.say("error", message=refusal(error).message)

    # How does it hear?

    def _send(self, data: bytes) -> "asyncio.Future[None] | None":
        stream = self._stream
        if stream.closed():
            return None  # on_close comes with a later round of the loop; until then there is more to send
        if self._is_plain and not stream.writing():
            # Half the cost of stream.write, which makes a future and a lambda each time.
            try:
                sent = stream.socket.send(data)
                if sent == len(data):
                    return None
                data = data[sent:]
            except BlockingIOError:
                pass
            except OSError as error:
                stream.close(exc_info=error)
                return None
        return self._written(data)

    def _written(self, data: bytes) -> "asyncio.Future[None] | None":
        try:
            written: asyncio.Future[None] = self._stream.write(data)
        except StreamClosedError:
            return None
        return written

    def _leave(self) -> None:
        if self._is_cut:
            return
        self._is_cut = True
        if hasattr(self, "_outbox"):
            self._outbox.close()
            self._subscriber.leave()
        self.site.sockets.remove(self)
        for task in tuple(self._tasks):
            task.cancel()


def _lagged(topic: str, dropped: int) -> bytes:
    return text_frame(message("lagged", topic=topic, dropped=dropped))


def _topic(frame: dict[str, Any]) -> str:
    topic = frame.get("topic")
    if not isinstance(topic, str) or not topic:
        raise Invalid("a topic is needed", path="$.topic")
    return topic


def _since(frame: dict[str, Any]) -> int | None:
    since = frame.get("since")
    if since is not None and (type(since) is not int or since < 0):
        raise Invalid("expected a whole number, 0 or more", path="$.since")
    return since


def _interaction(frame: dict[str, Any]) -> CanvasInteraction:
    named: dict[str, Any] = {name: frame[name] for name in ("interaction", "element_id") if name in frame}
    rest = {name: value for name, value in frame.items() if name not in {"type", "data", *named}}
    inner = frame.get("data", {})
    data = {**inner, **rest} if isinstance(inner, dict) else {"data": inner, **rest}
    try:
        return msgspec.convert({**named, "data": data}, CanvasInteraction)
    except msgspec.ValidationError as error:
        raise as_invalid(error) from None
