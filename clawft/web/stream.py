"""Server-sent events of one session, for clients without WebSockets."""

import asyncio

from tornado.iostream import StreamClosedError

from clawft.domain import topics
from clawft.domain.sessions import VOICE_SESSION
from clawft.errors import Invalid
from clawft.messages.sessions import GetSession
from clawft.web.frames import as_server_sent
from clawft.web.known import Known
from clawft.web.outbox import Outbox
from clawft.web.subscriber import Subscriber


class SessionStream(Known):
    """``GET /api/sessions/:key/stream``: messages as events with an id, pieces of answers as ``chunk``,
    numbers that are no longer kept as ``gap``.

    ``Last-Event-ID`` brings what was missed since, as ``since`` does on a socket.
    """

    _outbox: Outbox | None = None

    def allowed(self) -> tuple[str, ...]:
        return ("GET", "OPTIONS")

    async def prepare(self) -> None:
        await super().prepare()
        if self.caller is None:
            return
        self.refuse_when_stopping()
        self.site.sockets.check_room(self.caller)
        self._key = self.path["key"]
        self._since = _last_event(self.request.headers.get("Last-Event-ID", ""))
        if self._key != VOICE_SESSION:
            await self.site.system.ask("sessions", GetSession(self._key))

    async def get(self) -> None:
        self._done = asyncio.Event()
        self.set_header("Content-Type", "text/event-stream")
        await self._flush(b": connected\n\n")
        limits = self.site.limits
        self._outbox = outbox = Outbox(self._send, _lagged, limits)
        self._subscriber = Subscriber(self.site.system, outbox, as_server_sent, limits)
        self.site.sockets.add(self)
        try:
            await self._subscriber.subscribe(topics.messages_of(self._key), self._since)
            await self._subscriber.subscribe(topics.stream_of(self._key), None)
            await self._until_done()
        finally:
            self._leave()

    @property
    def waiting_bytes(self) -> int:
        return self._outbox.size if self._outbox is not None else 0

    def is_stuck(self) -> bool:
        return self._outbox is not None and self._outbox.is_stuck()

    def cut(self, code: int, reason: str) -> None:
        """The stream ends; the reason goes before it where it can."""
        if self._outbox is not None:
            self._outbox.put("bye", b": %d %s\n\n" % (code, reason.encode("ascii", "replace")))
        self._done.set()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._outbox is not None:
            self._done.set()

    async def _until_done(self) -> None:
        """Wait for the end, with a sign of life now and then so that proxies and we notice a dead client."""
        while not self._done.is_set():
            try:
                async with asyncio.timeout(self.site.limits.ping_seconds):
                    await self._done.wait()
            except TimeoutError:
                if self._outbox is not None:
                    self._outbox.put("ping", b": ping\n\n")

    async def _flush(self, data: bytes) -> None:
        self.write(data)
        await self.flush()

    def _send(self, data: bytes) -> "asyncio.Future[None] | None":
        try:
            self.write(data)
            written: asyncio.Future[None] = self.flush()
        except (RuntimeError, StreamClosedError):
            return None  # the response has ended
        return None if written.done() else written

    def _leave(self) -> None:
        self._subscriber.leave()
        self.site.sockets.remove(self)
        if self._outbox is not None:
            self._outbox.close()


def _lagged(topic: str, dropped: int) -> bytes:
    return b'event: lagged\ndata: {"type":"lagged","topic":"%s","dropped":%d}\n\n' % (topic.encode(), dropped)


def _last_event(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit() or len(text) > 18:
        raise Invalid("Last-Event-ID must be the id of an event of this stream")
    return int(text)
