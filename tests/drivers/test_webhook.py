"""The webhook, against servers on this machine that answer, break and hang."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from clawft.domain.deliveries import Delivery
from clawft.domain.webhooks import headers, signing_key
from clawft.drivers.webhook import Webhook

NOW = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
DELIVERY = Delivery("dlv-1", "hook", "Good morning", "attempting", NOW, NOW, attempts=1, source="cron-1")


class Receiver(RequestHandler):
    """Answers with the status in its path, and keeps what it was sent."""

    def initialize(self, taken: list[HTTPServerRequest]) -> None:
        self.taken = taken

    def post(self, status: str) -> None:
        self.taken.append(self.request)
        self.set_status(int(status))
        self.set_header("Retry-After", "9")
        self.set_header("Location", "/200")


@pytest.fixture
def taken() -> list[HTTPServerRequest]:
    return []


@pytest.fixture
async def url(taken: list[HTTPServerRequest]) -> AsyncIterator[str]:
    [listening] = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([(r"/(\d+)", Receiver, {"taken": taken})]))
    server.add_socket(listening)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.stop()
    await server.close_all_connections()


@pytest.fixture
def webhook() -> Webhook:
    return Webhook("secret", patience=0.3)


async def test_a_delivery_is_posted_signed_and_named(
    url: str, taken: list[HTTPServerRequest], webhook: Webhook
) -> None:
    assert (await webhook.post(f"{url}/200", DELIVERY, NOW)).state == "sent"
    [request] = taken
    assert json.loads(request.body) == {
        "id": "dlv-1",
        "channel": "hook",
        "content": "Good morning",
        "created_at": "2026-05-01T10:00:00Z",
        "source": "cron-1",
    }
    expected = headers(signing_key("secret", "hook"), "dlv-1", request.body, NOW)
    assert {name: request.headers[name] for name in expected} == expected


async def test_a_receiver_that_is_busy_is_asked_again_when_it_says(url: str, webhook: Webhook) -> None:
    attempt = await webhook.post(f"{url}/503", DELIVERY, NOW)
    assert (attempt.state, attempt.retry_after) == ("not_sent", 9.0)


async def test_a_redirect_is_not_followed(url: str, taken: list[HTTPServerRequest], webhook: Webhook) -> None:
    assert (await webhook.post(f"{url}/307", DELIVERY, NOW)).state == "failed"
    assert len(taken) == 1


async def test_an_error_of_the_receiver_leaves_it_unknown(url: str, webhook: Webhook) -> None:
    assert (await webhook.post(f"{url}/500", DELIVERY, NOW)).state == "unknown"


async def test_nobody_there_means_that_it_was_not_sent(webhook: Webhook) -> None:
    with socket.socket() as taken_port:
        taken_port.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken_port.getsockname()[1]}/200"
        attempt = await webhook.post(url, DELIVERY, NOW)
    assert attempt.state == "not_sent"
    assert "nobody was reached" in attempt.why


async def serve(how: Any) -> tuple[asyncio.Server, str]:
    server = await asyncio.start_server(how, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_connection_that_breaks_leaves_it_unknown(webhook: Webhook) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server, url = await serve(slam)
    async with server:
        attempt = await webhook.post(url, DELIVERY, NOW)
    assert attempt.state == "unknown"


async def test_a_receiver_that_hangs_leaves_it_unknown(webhook: Webhook) -> None:
    released = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server, url = await serve(hang)
    async with server:
        attempt = await webhook.post(url, DELIVERY, NOW)
        released.set()
    assert attempt.state == "unknown"
    assert "no answer within 0.3 s" in attempt.why
