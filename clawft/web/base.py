"""The handler under all others: who may come in, what every answer carries, how an error is told."""

import asyncio
import logging
from collections.abc import Awaitable
from types import TracebackType
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from clawft.domain.tokens import SCOPES, Caller
from clawft.errors import ClawftError, Forbidden, Unauthorized, Unavailable
from clawft.messages.tokens import Authenticate
from clawft.runtime import Reply
from clawft.web import guard
from clawft.web.problems import refusal
from clawft.web.routes import Access
from clawft.web.site import Site

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT")


class Guarded(RequestHandler):
    """Checks Host, Origin and Sec-Fetch-Site of every request, of pages, sockets and unknown paths too.

    Tornado judges same-origin by comparing Origin with Host, so a rebound name passes its own check.
    """

    SUPPORTED_METHODS = METHODS
    is_page = False
    """Following a link from another site to this is fine."""
    site: Site
    caller: Caller | None = None

    def initialize(self, **given: Any) -> None:
        self.site = given["site"]
        self.site.begin()
        self._is_counted = True

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in HEADERS:
            self.set_header(name, value)

    def prepare(self) -> Awaitable[None] | None:
        self.check_head()
        return None

    def check_head(self) -> None:
        """Raises ``Forbidden`` for what must not be answered whoever asks."""
        headers = self.request.headers
        host, origin = headers.get("Host"), headers.get("Origin")
        if origin is None and "Sec-Fetch-Site" not in headers and host is not None:
            # The way of every program that is no browser, without the cost of building the head.
            why = None if guard.is_ours(host, self.site.house.allowed_hosts) else guard.FOREIGN_HOST
        else:
            why = guard.refusal(self.head_of_request(), self.site.house, page=self.is_page)
        if why is not None:
            raise Forbidden(why)

    def head_of_request(self) -> guard.Head:
        headers = self.request.headers
        return guard.Head(
            peer=self.request.remote_ip or "",
            host=tuple(headers.get_list("Host")),
            origin=headers.get("Origin"),
            fetch_site=headers.get("Sec-Fetch-Site"),
            fetch_mode=headers.get("Sec-Fetch-Mode"),
            names=tuple(headers),
        )

    def authenticate(self, bearer: str | None) -> Reply[Caller | None]:
        """Who holds this token. No token is the same as a wrong one: nobody."""
        if bearer is None:
            return Reply.of(None)
        question = Authenticate(bearer, self.request.remote_ip or "")
        return self.site.system.ask("tokens", question)

    def bearer(self) -> str | None:
        """The one bearer token of the Authorization header; raises ``Unauthorized`` for any other header."""
        values = self.request.headers.get_list("Authorization")
        if not values:
            return None
        scheme, _, token = values[0].partition(" ")
        if len(values) > 1 or scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("the Authorization header must be one 'Bearer <token>'")
        return token.strip()

    def admit(self, caller: Caller | None, access: Access) -> None:
        """Raises unless this caller may do what needs ``access``."""
        if caller is None:
            raise Unauthorized("a valid token is needed: Authorization: Bearer <token>")
        if access != "any" and access != "open" and not caller.may(access):
            raise Forbidden(f"this token has not the scope {access!r}")
        self.caller = caller

    async def local_caller(self) -> tuple[Caller, str | None]:
        """The caller without a token: this machine's operator, or nobody and the reason why not."""
        head, house = self.head_of_request(), self.site.house
        peer = self.request.remote_ip or ""
        # The user is looked up only for those who pass everything cheaper.
        why = guard.distrust(head, house, house.uids[0] if house.uids else None)
        if why is None:
            why = guard.distrust(head, house, await self._uid())
        if why is not None:
            return Caller("nobody", peer=peer), why
        return Caller("local", SCOPES, peer=peer), None

    async def _uid(self) -> int | None:
        connection: Any = self.request.connection
        stream = connection.stream
        if stream is None or stream.socket is None:
            return None
        return await self.site.peers.uid(connection.context, stream.socket)

    def refuse_when_stopping(self) -> None:
        if self.site.is_stopping:
            raise Unavailable("the host is stopping", retry_after=5)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code)
        told = refusal(error)
        self.set_status(told.status)
        for name, value in told.headers.items():
            self.set_header(name, value)
        if told.status == 405 and "Allow" not in told.headers:
            self.set_header("Allow", ", ".join(self.allowed()))
        self.set_header("Content-Type", "application/json")
        self.finish(told.body)

    def allowed(self) -> tuple[str, ...]:
        """The methods this path knows."""
        return ("GET", "HEAD", "OPTIONS")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(
            value, ClawftError | HTTPError | TimeoutError | asyncio.CancelledError | StreamClosedError
        ):
            return
        if refusal(value).status < 500 or refusal(value).status == 503:
            return
        path = ascii(self.request.path)[:256]
        log.error("%s %s failed", self.request.method, path, exc_info=(typ, value, tb))  # type: ignore[arg-type]

    def compute_etag(self) -> str | None:
        return None  # nothing under /api may be kept, so hashing each answer is for nothing

    def on_finish(self) -> None:
        self.site.requests[self.request.method or "", self.get_status()] += 1
        self._is_over()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._is_over()

    def _is_over(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self.site.end()
