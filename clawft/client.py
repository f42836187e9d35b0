"""The client: asks a running host, by URL, what can be asked of its actors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import IOStream
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient
from tornado.tcpclient import TCPClient
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from clawft.domain.tokens import Caller, Minted
from clawft.errors import Busy, Forbidden, Invalid, Unauthorized
from clawft.messages.tokens import MintToken
from clawft.runtime import Ask
from clawft.wire import Json, Request, Unreachable, answer_from, error_from, request_for

R = TypeVar("R")

DEFAULT_URL = "http://127.0.0.1:18789"
SLACK = 10.0
"""Seconds we wait beyond the host's own patience, so that its explanation arrives before ours."""
LARGEST_ANSWER = 256 * 1024 * 1024
MOST_TRIES = 5
NOBODY = Caller(via="nobody")
"""Stands where the host puts who really called; never sent."""
REVOKE = Request("DELETE", "/api/auth/token", None, 2.0)


class Client:
    """Asks a running host. Without a token it mints one, as the host's own user may, revoked at the end."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None) -> None:
        self.url = address(url)
        self._token = token
        self._minted = False
        self._minting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Revoke the token minted here, if one was."""
        if self._minted and self._token:
            with contextlib.suppress(Exception):  # the host may be gone; its tokens expire by themselves
                await asyncio.wait_for(self._exchange(REVOKE, self._token), 2)
        self._minted = False

    async def ask(self, message: Ask[R]) -> R:
        """What the host's actor answers; its refusals are raised as they would be in process.

        Cancelling closes the connection, by which the host knows that nobody waits for the answer any more.
        """
        return answer_from(message, await self.send(request_for(message)))

    async def send(self, request: Request) -> bytes:
        """The body of the response to a request made by hand."""
        return await self._exchange(request, await self.token())

    async def token(self) -> str:
        """The token in use, minted now if need be."""
        async with self._minting:
            if self._token is None:
                minted = await self.mint(MintToken(caller=NOBODY, name="client"))
                self._token, self._minted = minted.token, True
        return self._token

    async def mint(self, order: MintToken) -> Minted:
        """A new token: by right of the one given to this client, or of being on the host's machine."""
        request = request_for(order)
        for _ in range(MOST_TRIES):
            try:
                return answer_from(order, await self._exchange(request, self._token))
            except Unreachable:
                raise
            except Busy as busy:  # many short commands in a row: the host mints one a second
                await asyncio.sleep(min(busy.retry_after, 5.0))
            except (Forbidden, Unauthorized) as error:
                raise type(error)(
                    f"{error}; give a token, or what is in the file `secret` of its data folder"
                ) from error
        return answer_from(order, await self._exchange(request, self._token))

    async def _exchange(self, request: Request, token: str | None) -> bytes:
        connection = Connection()
        http = SimpleAsyncHTTPClient(force_instance=True, max_body_size=LARGEST_ANSWER)
        http.tcp_client = connection
        try:
            response = await http.fetch(http_request(self.url, request, token))
            return response.body
        except (HTTPTimeoutError, HTTPStreamClosedError) as error:
            raise Unreachable(f"{self.url} did not answer: {error}") from error
        except HTTPClientError as error:
            raise from_response(error) from None
        except OSError as error:
            raise unreachable(self.url, error) from error
        finally:
            connection.close()
            http.close()

    @contextlib.asynccontextmanager
    async def frames(
        self, *topics: str, since: Mapping[str, int] | None = None
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """The frames of these topics from the moment the block is entered, or ``since`` a number.

        The iteration ends with ``Unreachable`` when the host closes the connection, and says why it did.
        """
        connection = await self._connect(await self.token())
        try:
            early = await subscribe(connection, topics, since or {})
            yield events(connection, [frame for frame in early if frame.get("type") != "connected"])
        finally:
            connection.close()

    async def _connect(self, token: str) -> WebSocketClientConnection:
        request = HTTPRequest(
            self.url.replace("http", "ws", 1) + "/ws",
            headers={"Authorization": f"Bearer {token}"},
            connect_timeout=5.0,
            request_timeout=10.0,
        )
        try:
            return await websocket_connect(request, max_message_size=LARGEST_ANSWER)
        except HTTPClientError as error:
            raise from_response(error) from None
        except (OSError, WebSocketError) as error:
            raise unreachable(self.url, error) from error


class Connection(TCPClient):
    """The one connection of a request, to be closed with it: Tornado's client leaves a cancelled one open."""

    def __init__(self) -> None:
        super().__init__()
        self._stream: IOStream | None = None

    async def connect(self, *args: Any, **kwargs: Any) -> IOStream:
        self._stream = await super().connect(*args, **kwargs)
        return self._stream

    def close(self) -> None:
        super().close()
        if self._stream:
            self._stream.close()


def http_request(url: str, request: Request, token: str | None) -> HTTPRequest:
    headers = dict(request.headers) | ({"Authorization": f"Bearer {token}"} if token else {})
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    return HTTPRequest(
        url + request.path,
        method=request.method,
        headers=headers,
        body=request.body,
        connect_timeout=5.0,
        request_timeout=request.patience + SLACK,
        follow_redirects=False,
        allow_nonstandard_methods=True,  # else a POST without a body is refused
    )


def address(url: str) -> str:
    """``url`` as scheme, host and port, and nothing else."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(f"{url!r} is not the address of a host, like {DEFAULT_URL}")
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise Invalid(f"{url!r} has more in it than the address of a host, like {DEFAULT_URL}")
    return f"{parts.scheme}://{parts.netloc}"


def unreachable(url: str, error: BaseException) -> Unreachable:
    return Unreachable(f"no host answers at {url} ({error}); start one with: clawft serve")


def from_response(error: HTTPClientError) -> Exception:
    response = error.response
    if response is None:
        return Unreachable(str(error))
    retry_after = response.headers.get("Retry-After", "")
    return error_from(error.code, response.body, float(retry_after) if retry_after.isdigit() else None)


async def subscribe(
    connection: WebSocketClientConnection, topics: tuple[str, ...], since: Mapping[str, int]
) -> list[Json]:
    """Subscribe to each topic and wait until the host has said so; what came in between is handed back."""
    early: list[Json] = []
    for topic in topics:
        frame: Json = {"type": "subscribe", "topic": topic}
        if topic in since:
            frame["since"] = since[topic]
        await connection.write_message(msgspec.json.encode(frame).decode())
        while (answer := await next_frame(connection)) != {"type": "subscribed", "topic": topic}:
            early.append(answer)
    return early


async def events(connection: WebSocketClientConnection, early: list[Json]) -> AsyncIterator[Json]:
    for frame in early:
        yield frame
    while True:
        yield await next_frame(connection)


async def next_frame(connection: WebSocketClientConnection) -> Json:
    text = await connection.read_message()
    if text is None:
        reason = connection.close_reason or f"code {connection.close_code}"
        raise Unreachable(f"the host closed the connection: {reason}")
    frame: Json = msgspec.json.decode(text)
    if frame.get("type") == "error":
        raise Invalid(str(frame.get("message")))
    return frame
