"""Server-sent events and metrics: the handlers beside the table."""

import asyncio
import json
from typing import Any

from clawft.domain.events import MessageAdded
from clawft.domain.sessions import ChatMessage
from tests.web.house import NOW, House
from tests.web.test_rest import problem


class Reader:
    """A client of an event stream."""

    def __init__(self, house: House, path: str, **headers: str) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self._port = house.port
        self._head = (
            f"GET {path} HTTP/1.1\r\nHost: localhost:{house.port}\r\n"
            f"Authorization: Bearer {house.token}\r\n{more}\r\n"
        )

    async def __aenter__(self) -> "Reader":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._head.encode())
        self.status = (await self._reader.readline()).decode().split(" ", 1)[1].strip()
        self.headers = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def event(self) -> dict[str, str]:
        """The next event, comments left out."""
        while True:
            size = int((await self._line()).strip(), 16)
            text = (await self._reader.readexactly(size + 2)).decode().strip()
            if not text.startswith(":"):
                return dict(line.split(": ", 1) for line in text.split("\n"))

    async def _line(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._reader.readline()

    async def ends(self) -> bool:
        async with asyncio.timeout(5):
            return (await self._reader.read()).endswith(b"0\r\n\r\n")


async def listening(house: House) -> None:
    async with asyncio.timeout(5):
        while not len(house.server.site.sockets):
            await asyncio.sleep(0.01)
    await house.publish()


def said(key: str, text: str) -> MessageAdded:
    return MessageAdded(key, ChatMessage("assistant", text, NOW, ()))


async def test_a_sessions_messages_and_chunks_are_streamed(house: House) -> None:
    key = await house.session()
    async with Reader(house, f"/api/sessions/{key}/stream") as reader:
        assert reader.status == "200 OK"
        assert "text/event-stream" in reader.headers
        await listening(house)
        await house.call("POST", f"/api/sessions/{key}/messages", {"content": "hello"})
        chunk, message, done = [await reader.event() for _ in range(3)]
        assert chunk["event"] == done["event"] == "chunk"
        assert json.loads(chunk["data"])["data"]["content"] == "hello"
        assert message["id"] == "1"
        assert "event" not in message
        assert json.loads(message["data"])["topic"] == f"sessions:{key}"


async def test_who_comes_back_gets_what_it_missed(house: House) -> None:
    key = await house.session()
    await house.publish(*(said(key, str(number)) for number in range(4)))
    async with Reader(house, f"/api/sessions/{key}/stream", Last_Event_ID="2") as reader:
        assert [(await reader.event())["id"] for _ in range(2)] == ["3", "4"]


async def test_what_is_no_longer_kept_is_a_gap_event(house: House) -> None:
    key = await house.session()
    async with Reader(house, f"/api/sessions/{key}/stream", Last_Event_ID="7") as reader:
        event = await reader.event()
    assert event["event"] == "gap"
    assert json.loads(event["data"]) == {"type": "gap", "topic": f"sessions:{key}", "from": 1, "to": 7}


async def test_a_stream_ends_when_the_server_stops(house: House) -> None:
    key = await house.session()
    async with Reader(house, f"/api/sessions/{key}/stream") as reader:
        await listening(house)
        await house.server.stop(grace=1.0)
        assert await reader.ends()


async def test_a_client_that_leaves_is_forgotten(house: House) -> None:
    key = await house.session()
    async with Reader(house, f"/api/sessions/{key}/stream"):
        await listening(house)
    async with asyncio.timeout(5):
        while len(house.server.site.sockets):
            await house.publish(said(key, "anyone?"))


async def test_what_cannot_be_streamed_is_said(house: House) -> None:
    assert problem(await house.call("GET", "/api/sessions/nobody/stream"))[:2] == (404, "not_found")
    assert problem(await house.call("GET", "/api/sessions/nobody/stream", token=None))[0] == 401
    key = await house.session()
    odd = {"Last-Event-ID": "x"}
    assert problem(await house.call("GET", f"/api/sessions/{key}/stream", headers=odd))[0] == 400
    assert problem(await house.call("POST", f"/api/sessions/{key}/stream", {}))[:2] == (
        405,
        "method_not_allowed",
    )


async def test_metrics_are_for_those_who_may_read(house: House) -> None:
    assert problem(await house.call("GET", "/metrics", token=None))[0] == 401
    client: Any = await house.connected()
    await house.call("GET", "/api/sessions/nobody")
    text = (await house.call("GET", "/metrics")).body.decode()
    assert 'clawft_actors{state="idle"}' in text or 'clawft_actors{state="running"}' in text
    assert 'clawft_requests_total{method="GET",status="404"} 1.0' in text
    assert "clawft_sockets 1.0" in text
    for name in ("mailbox_depth", "dead_letters_total", "socket_queue_bytes", "loop_lag_seconds"):
        assert f"\nclawft_{name} " in text
    client.connection.close()
