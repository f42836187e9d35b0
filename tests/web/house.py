"""A small house to test the web in: all real, but for a plain sessions actor."""

import asyncio
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection, websocket_connect

from clawft.actors.canvas import Canvas
from clawft.actors.events import Events
from clawft.actors.tokens import Tokens
from clawft.domain.events import ChunkAdded, Event, MessageAdded, StreamDone
from clawft.domain.sessions import ChatMessage, SessionDetail, SessionExport, SessionSummary
from clawft.domain.tokens import SECRET_PREFIX
from clawft.domain.values import Ok
from clawft.errors import NotFound
from clawft.messages.events import Publish
from clawft.messages.sessions import (
    CreateSession,
    DeleteSession,
    ExportSession,
    GetSession,
    ListSessions,
    SendMessage,
)
from clawft.messages.tokens import TokenEnded
from clawft.runtime import Actor, System, on
from clawft.store import Store
from clawft.store.canvas import CanvasStore
from clawft.store.events import EventStore
from clawft.store.tokens import TokenStore
from clawft.web.limits import Limits
from clawft.web.routes import ROUTES
from clawft.web.server import Server

SECRET = SECRET_PREFIX + "x" * 43
NOW = datetime(2026, 2, 24, 10, 0, tzinfo=UTC)
ACTORS = ("tokens", "sessions", "canvas")
IN_HOUSE = tuple(
    route
    for route in ROUTES
    if route.actor in ACTORS
    and route.message.__name__ not in ("StopSession", "ListTurns", "GetTurn", "ReadResult")
)


class Sessions(Actor):
    """Sessions in memory. Their agent says back what it hears; at ``wait`` it waits, at ``fall`` it fails."""

    concurrency = 100

    def __init__(self, waiting: asyncio.Event, cancelled: asyncio.Event) -> None:
        super().__init__()
        self._sessions: dict[str, list[ChatMessage]] = {}
        self._waiting = waiting
        self._cancelled = cancelled

    @on(ListSessions)
    def all(self, _: ListSessions) -> tuple[SessionSummary, ...]:
        return tuple(
            SessionSummary(key, "general-agent", len(said), NOW) for key, said in self._sessions.items()
        )

    @on(CreateSession)
    def create(self, message: CreateSession) -> SessionSummary:
        key = f"sess-{len(self._sessions) + 1}"
        self._sessions[key] = []
        return SessionSummary(key, message.agent_id, 0, NOW)

    @on(GetSession)
    def get(self, message: GetSession) -> SessionDetail:
        said = self._said(message.key)
        return SessionDetail(message.key, "general-agent", len(said), NOW, tuple(said))

    @on(ExportSession)
    def export(self, message: ExportSession) -> SessionExport:
        return SessionExport(tuple(self._said(message.key)))

    @on(DeleteSession)
    def delete(self, message: DeleteSession) -> Ok:
        self._said(message.key)
        del self._sessions[message.key]
        return Ok()

    @on(SendMessage)
    async def send(self, message: SendMessage) -> ChatMessage:
        said = self._said(message.key)
        if message.content == "fall":
            raise ZeroDivisionError("a secret of the inside: /etc/shadow")
        if message.content == "wait":
            await self._wait()
        said.append(ChatMessage("user", message.content, NOW))
        answer = ChatMessage("assistant", message.content, NOW, ())
        said.append(answer)
        for event in (
            ChunkAdded(message.key, message.content),
            MessageAdded(message.key, answer),
            StreamDone(message.key),
        ):
            await self.ask("events", Publish(event))
        return answer

    async def _wait(self) -> None:
        self._waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._cancelled.set()
            raise

    def _said(self, key: str) -> list[ChatMessage]:
        if key not in self._sessions:
            raise NotFound(f"no session has the key {key}")
        return self._sessions[key]


class House:
    """A server on a free port with everything behind it, and clients for it."""

    def __init__(self, folder: Path, *, sessions: type[Sessions] = Sessions, **server: Any) -> None:
        self._folder = folder
        self._sessions = sessions
        self._given = {"limits": Limits(), "routes": IN_HOUSE, **server}
        self.token = ""
        self.waiting = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.system = System("web-test")
        self.system.attach()
        self.store = Store.open(self.system, self._folder)
        ended: list[Any] = []
        self.events = self.system.spawn(Events, "events", store=EventStore(self.store))
        self.system.spawn(Tokens, "tokens", store=TokenStore(self.store), secret=SECRET, listeners=ended)
        self.system.spawn(Canvas, "canvas", store=CanvasStore(self.store))
        self.system.spawn(self._sessions, "sessions", self.waiting, self.cancelled)
        self.server = Server(self.system, port=0, **self._given)
        self.server.start()
        ended.append(self.server.token_ended)
        self.token = await self.mint(SECRET)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop(grace=1.0)
        await self.system.shutdown(5.0)
        self.store.close()

    @property
    def port(self) -> int:
        return self.server.port

    async def mint(self, secret: str | None = None, **wishes: Any) -> str:
        """A token made by this machine's operator, or by whoever holds the secret."""
        answer = await self.call("POST", "/api/auth/token", wishes or None, token=secret)
        assert answer.code == 200, answer.body
        return str(json.loads(answer.body)["token"])

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """One request; with our token unless another, or None, is given."""
        sent = HTTPHeaders(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        request = HTTPRequest(
            self.server.url + path,
            method=method,
            headers=sent,
            body=raw,
            allow_nonstandard_methods=True,
            request_timeout=10.0,
            follow_redirects=False,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def session(self) -> str:
        answer = await self.call("POST", "/api/sessions", {"agent_id": "general-agent"})
        return str(json.loads(answer.body)["key"])

    async def publish(self, *events: Event) -> None:
        """Have these passed on, and wait until they are."""
        for event in events:
            await self.system.ask("events", Publish(event))

    def socket(self, path: str = "/ws", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HTTPRequest(self.server.url.replace("http", "ws") + path, headers=named)
        return websocket_connect(request)

    async def connected(self, path: str = "/ws") -> "Client":
        """An open socket that has been greeted."""
        client = Client(await self.socket(path, Authorization=f"Bearer {self.token}"))
        assert await client.next() == {"type": "connected"}
        return client

    def raw(self, text: bytes, *, seconds: float = 5.0) -> "asyncio.Future[bytes]":
        """What comes back for these very bytes, up to the end of the connection or the time."""
        return asyncio.get_running_loop().run_in_executor(None, _exchange, self.port, text, seconds)

    def end_of_token(self, id: str) -> None:
        self.server.token_ended(TokenEnded(id))


class Client:
    """A WebSocket client that reads frames as values."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def say(self, frame: Any) -> None:
        await self.connection.write_message(
            json.dumps(frame) if not isinstance(frame, str | bytes) else frame
        )

    async def next(self, seconds: float = 5.0) -> Any:
        """The next frame; None: the socket was closed."""
        async with asyncio.timeout(seconds):
            text = await self.connection.read_message()
        return None if text is None else json.loads(text)

    async def ask(self, frame: Any) -> Any:
        await self.say(frame)
        return await self.next()

    async def until_closed(self) -> tuple[int | None, str | None]:
        while await self.next() is not None:
            pass
        return self.connection.close_code, self.connection.close_reason


def _exchange(port: int, text: bytes, seconds: float) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        sock.sendall(text)
        got = b""
        try:
            while part := sock.recv(65536):
                got += part
        except (TimeoutError, ConnectionResetError):
            pass
        return got
