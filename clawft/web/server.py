"""The server: listens, lets in, keeps time for all connections, and says goodbye."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler

import clawft
from clawft.domain import topics
from clawft.errors import UsageError
from clawft.messages.tokens import TokenEnded
from clawft.runtime import ActorEvent, System
from clawft.web import openapi
from clawft.web.completions import Completions, Models
from clawft.web.form import Form
from clawft.web.guard import House, is_loopback
from clawft.web.known import Document
from clawft.web.limits import Limits
from clawft.web.mcp import Bridge, McpEndpoint
from clawft.web.metrics import Metrics
from clawft.web.pages import BUILT_IN, Page
from clawft.web.peers import trusted_uids
from clawft.web.router import Router
from clawft.web.routes import ROUTES, Route
from clawft.web.site import Site
from clawft.web.socket import EventSocket
from clawft.web.sockets import GOING_AWAY, RESTARTED
from clawft.web.speech import Speech
from clawft.web.stream import SessionStream

log = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at the loop's lag and at slow clients."""


def check_binding(host: str, *, allow_remote: bool, allowed_hosts: Sequence[str], has_secret: bool) -> None:
    """Raises ``UsageError`` when others could reach us without all of these having been said."""
    if host == "localhost" or is_loopback(host):
        return
    missing = [
        words
        for given, words in (
            (allow_remote, "allow_remote"),
            (bool(allowed_hosts), "a list of allowed hosts"),
            (has_secret, "the bootstrap secret"),
        )
        if not given
    ]
    if missing:
        raise UsageError(f"listening on {host} lets other machines in; this needs {', '.join(missing)}")


class Server:
    """REST, sockets and pages of one System on one port."""

    def __init__(
        self,
        system: System,
        *,
        host: str = "127.0.0.1",
        port: int = 18789,
        ui_dir: Path | None = None,
        allowed_hosts: Iterable[str] = (),
        local_trust: bool = True,
        limits: Limits | None = None,
        routes: Sequence[Route] = ROUTES,
        notice: str = "",
    ) -> None:
        """``notice``: what whoever looks at our own page must know."""
        self._system = system
        self._host = host
        self._wanted_port = port
        self._root = (ui_dir or BUILT_IN).resolve()
        self._allowed_hosts = tuple(name.lower() for name in allowed_hosts)
        # Off loopback nobody is trusted for where they come from: a proxy may stand before us.
        self._local_trust = local_trust and (host == "localhost" or is_loopback(host))
        self._limits = limits or Limits()
        self._routes = routes
        self._notice = notice
        self._http: _Listener | None = None
        self._clock: asyncio.Task[None] | None = None
        self.site: Site
        self._bridge: Bridge

    @property
    def port(self) -> int:
        """Where it listens; the one asked for, or the one found when that was 0."""
        return self.site.house.port

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self._host == "localhost" else self._host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen. Call on the event loop, with the actors started: routes are checked against them."""
        forms = [Form(route) for route in self._routes]
        check_routes(self._system, self._routes)
        sockets = _bound(self._host, self._wanted_port)
        port = sockets[0].getsockname()[1]
        house = House(port, self._allowed_hosts, self._local_trust, trusted_uids())
        self.site = Site(self._system, self._limits, house)
        self._http = _Listener(self._router(forms), self._limits)
        self._http.add_sockets(sockets)
        self._system.on_event.append(self._on_actor_event)
        self.site.report_channel("connected")
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.create_task(self._keep_time())

    def token_ended(self, note: TokenEnded) -> None:
        """For ``tokens`` to call: the token's sockets close."""
        self.site.sockets.token_ended(note)

    def refuse_new_work(self) -> None:
        """From now on whatever changes something is answered with 503."""
        self.site.is_stopping = True

    async def stop(self, grace: float = 2.0) -> None:
        """Stop listening, close every socket with 1001, give requests under way ``grace`` seconds."""
        self.refuse_new_work()
        if self._http is None:
            return
        self._system.on_event.remove(self._on_actor_event)
        self._http.stop()
        self.site.report_channel("disconnected")
        self.site.sockets.cut_all(GOING_AWAY, "the host is stopping")
        if self._clock is not None:
            self._clock.cancel()
        try:
            async with asyncio.timeout(grace):
                await self.site.quiet()
        except TimeoutError:
            log.warning("%d requests were not answered within %.1f s", self.site.under_way, grace)
        await self._http.close_all_connections()
        self.site.peers.close()
        self._bridge.close()
        self._http = None

    def _router(self, forms: Sequence[Form]) -> Router:
        router = Router(
            self.site,
            forms,
            (Page, {"root": str(self._root), "notice": self._notice}),
            log_function=_log_request,
            websocket_ping_interval=self._limits.ping_seconds,
            websocket_ping_timeout=self._limits.pong_seconds,
            websocket_max_message_size=self._limits.frame_bytes,
        )
        description = msgspec.json.encode(openapi.document(forms, clawft.__version__))
        router.add("/api/openapi.json", Document, text=description)
        router.add("/api/sessions/:key/stream", SessionStream)
        router.add("/metrics", Metrics)
        self._bridge = Bridge(self._system)
        router.add("/mcp", McpEndpoint, bridge=self._bridge)
        router.add("/v1/models", Models)
        router.add("/api/voice/tts", Speech)
        router.add("/v1/chat/completions", Completions)
        router.add("/ws", EventSocket)
        router.add("/ws/canvas", EventSocket, starts_with=(topics.CANVAS_UPDATE,))
        router.add("/ws/chat/:session", EventSocket)
        return router

    async def _keep_time(self) -> None:
        while True:
            due = time.monotonic() + _LOOK
            await asyncio.sleep(_LOOK)
            self.site.lag = max(0.0, time.monotonic() - due)
            self.site.sockets.cut_the_stuck()

    def _on_actor_event(self, event: ActorEvent) -> None:
        # A fresh ``events`` actor knows no listener: clients come back and say what they heard last.
        if event.path == "events" and event.kind in ("restarted", "failed"):
            self._loop.call_soon_threadsafe(
                self.site.sockets.cut_all, RESTARTED, "events began anew; come back with since"
            )


def check_routes(system: System, routes: Iterable[Route]) -> None:
    """Raises ``TypeError`` for a route without a scope, or whose actor does not understand its message."""
    for route in routes:
        where = f"{route.method} {route.path}"
        if not route.scope:
            raise TypeError(f"{where} says no scope")
        if route.message not in system.find(route.actor).actor_class.handlers:
            raise TypeError(f"{where}: {route.actor} does not understand {route.message.__name__}")


class _Listener(HTTPServer):
    """Tornado's server with a bound on connections."""

    def initialize(self, router: Router, limits: Limits) -> None:  # type: ignore[override]
        super().initialize(
            router,
            xheaders=False,
            decompress_request=False,
            max_header_size=limits.header_bytes,
            max_body_size=limits.body_bytes,
            idle_connection_timeout=limits.header_seconds,
            body_timeout=limits.body_seconds,
        )
        self._most = limits.connections

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._connections) >= self._most:
            stream.close()
            return
        super().handle_stream(stream, address)


def _bound(host: str, port: int) -> list[socket.socket]:
    """Listening sockets; for the default host on both loopback addresses, if there are two."""
    if host not in ("localhost", "127.0.0.1"):
        return bind_sockets(port, host, backlog=1024)
    first = bind_sockets(port, "127.0.0.1", backlog=1024)
    try:
        return first + bind_sockets(first[0].getsockname()[1], "::1", backlog=1024)
    except OSError:
        return first


def _log_request(handler: RequestHandler) -> None:
    request: HTTPServerRequest = handler.request
    status = handler.get_status()
    level = logging.WARNING if status >= 500 else logging.DEBUG
    if log.isEnabledFor(level):
        # The path without its query: a token may be in that.
        path = ascii(request.path)[1:-1][:256]
        log.log(level, "%s %s %d %.1f ms", request.method, path, status, 1000 * request.request_time())
