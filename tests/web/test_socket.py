"""Sockets: what is said, what is heard, and who is too slow for it."""

import asyncio
import gc
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from clawft.domain.canvas import CanvasCommand
from clawft.domain.events import AgentStatusChanged, ChunkAdded, MessageAdded, StreamDone
from clawft.domain.sessions import ChatMessage, SessionDetail
from clawft.messages.canvas import Draw
from clawft.messages.sessions import GetSession
from clawft.runtime import on
from clawft.web.limits import Limits
from clawft.web.socket import EventSocket
from tests.web.house import NOW, Client, House, Sessions

TEXT = {"type": "text", "content": "hi", "format": "plain"}


def said(key: str, text: str) -> MessageAdded:
    return MessageAdded(key, ChatMessage("assistant", text, NOW, ()))


async def test_a_subscriber_hears_what_happens_with_growing_numbers(house: House) -> None:
    client = await house.connected()
    assert await client.ask({"type": "subscribe", "topic": "agent:status"}) == {
        "type": "subscribed",
        "topic": "agent:status",
    }
    await house.publish(AgentStatusChanged("a", "running"), AgentStatusChanged("a", "stopped"))
    first, second = await client.next(), await client.next()
    stamp = first.pop("timestamp")
    assert stamp.endswith("Z")
    assert first == {
        "type": "event",
        "topic": "agent:status",
        "data": {"agentId": "a", "status": "running"},
        "seq": 1,
    }
    assert second["seq"] == 2


async def test_after_unsubscribing_nothing_is_heard(house: House) -> None:
    client = await house.connected()
    await client.ask({"type": "subscribe", "topic": "agent:status"})
    assert (await client.ask({"type": "unsubscribe", "topic": "agent:status"}))["type"] == "unsubscribed"
    await house.publish(AgentStatusChanged("a", "running"))
    assert await client.ask({"type": "ping"}) == {"type": "pong"}


async def test_what_was_missed_comes_before_what_happens(house: House) -> None:
    await house.publish(*(AgentStatusChanged(f"a{number}", "running") for number in range(5)))
    client = await house.connected()
    assert (await client.ask({"type": "subscribe", "topic": "agent:status", "since": 2}))[
        "type"
    ] == "subscribed"
    await house.publish(AgentStatusChanged("last", "running"))
    assert [(await client.next())["seq"] for _ in range(4)] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("{", "not JSON"),
        ("[]", "a frame is a JSON object"),
        ("\x00", "not JSON"),
        ({}, "a frame needs a type - at `$.type`"),
        ({"type": 3}, "a frame needs a type - at `$.type`"),
        ({"type": "sing"}, "there is no frame of type 'sing' - at `$.type`"),
        ({"type": "subscribe"}, "a topic is needed - at `$.topic`"),
        ({"type": "subscribe", "topic": ""}, "a topic is needed - at `$.topic`"),
        ({"type": "subscribe", "topic": "gossip"}, "there is no topic 'gossip' - at `$.topic`"),
        ({"type": "subscribe", "topic": "sessions:"}, "there is no topic 'sessions:' - at `$.topic`"),
        ({"type": "subscribe", "topic": "agent:status", "since": -1}, "$.since"),
        ({"type": "subscribe", "topic": "agent:status", "since": True}, "$.since"),
        ({"type": "subscribe", "topic": "session:x", "since": 1}, "$.since"),
        ({"type": "unsubscribe"}, "a topic is needed - at `$.topic`"),
        ({"type": "canvas_interaction", "interaction": "stare", "element_id": "x"}, "$.interaction"),
        ({"type": "canvas_interaction", "interaction": "click"}, "element_id"),
        ({"type": "canvas_interaction", "interaction": "click", "element_id": "x"}, "nothing on the canvas"),
        ({"type": "voice:push_to_talk_start"}, "not running"),
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered_with_why(house: House, frame: Any, words: str) -> None:
    client = await house.connected()
    await client.say(frame)
    answer = await client.next()
    assert answer["type"] == "error"
    assert words in answer["message"]
    assert await client.ask({"type": "ping"}) == {"type": "pong"}


async def test_a_chat_socket_hears_its_session_in_event_frames(house: House) -> None:
    key = await house.session()
    client = await house.connected(f"/ws/chat/{key}")
    assert [await client.next(), await client.next()] == [
        {"type": "subscribed", "topic": f"sessions:{key}"},
        {"type": "subscribed", "topic": f"stream:{key}"},
    ]
    await house.call("POST", f"/api/sessions/{key}/messages", {"content": "hello"})
    chunk, message, done = [await client.next() for _ in range(3)]
    assert {frame["type"] for frame in (chunk, message, done)} == {"event"}
    assert chunk["data"] == {"type": "stream_chunk", "content": "hello"}
    assert message["topic"] == f"sessions:{key}"
    assert message["data"]["type"] == "message"
    assert message["data"]["role"] == "assistant"
    assert message["seq"] == 1
    assert done["data"] == {"type": "stream_done"}


async def test_a_chat_socket_of_an_unknown_session_is_a_404(house: House) -> None:
    for key in ("nobody", "%F0%9F%A6%80%20x"):
        with pytest.raises(HTTPClientError) as refused:
            await house.socket(f"/ws/chat/{key}")
        assert refused.value.code == 404


async def test_chunks_are_bare_on_the_topic_of_the_session(house: House) -> None:
    client = await house.connected()
    await client.ask({"type": "subscribe", "topic": "session:x"})
    await house.publish(ChunkAdded("x", "hel"), ChunkAdded("x", "lo"), StreamDone("x"))
    assert [await client.next() for _ in range(3)] == [
        {"type": "stream_chunk", "content": "hel"},
        {"type": "stream_chunk", "content": "lo"},
        {"type": "stream_done"},
    ]


async def test_a_canvas_socket_is_shown_the_canvas_as_it_is(house: House) -> None:
    await house.system.ask("canvas", Draw(CanvasCommand("render", id="one", element=TEXT)))
    client = await house.connected("/ws/canvas")
    assert await client.next() == {"type": "subscribed", "topic": "canvas:update"}
    reset, render = await client.next(), await client.next()
    assert reset["data"] == {"command": "reset"}
    assert render["data"]["id"] == "one"
    assert render["type"] == "event"
    await house.system.ask("canvas", Draw(CanvasCommand("remove", id="one")))
    assert (await client.next())["data"] == {"command": "remove", "id": "one"}


async def test_batches_come_one_by_one_on_the_canvas_topic(house: House) -> None:
    client = await house.connected()
    await client.ask({"type": "subscribe", "topic": "canvas"})
    assert (await client.next())["command"] == "reset"
    both = tuple(CanvasCommand("render", id=name, element=TEXT) for name in ("a", "b"))
    await house.system.ask("canvas", Draw(CanvasCommand("batch", commands=both)))
    frames = [await client.next(), await client.next()]
    assert [(frame["type"], frame["topic"], frame["id"]) for frame in frames] == [
        ("canvas_command", "canvas", "a"),
        ("canvas_command", "canvas", "b"),
    ]


async def test_topics_per_socket_are_bounded(tmp_path: Path) -> None:
    async with House(tmp_path, limits=Limits(topics_per_socket=2)) as house:
        client = await house.connected()
        for name in ("a", "b"):
            assert (await client.ask({"type": "subscribe", "topic": f"session:{name}"}))[
                "type"
            ] == "subscribed"
        assert (await client.ask({"type": "subscribe", "topic": "session:c"}))["type"] == "error"
        assert (await client.ask({"type": "subscribe", "topic": "session:a"}))["type"] == "subscribed"


async def test_sockets_are_bounded(tmp_path: Path) -> None:
    async with House(tmp_path, limits=Limits(sockets=3, sockets_per_token=2)) as house:
        first, second = await house.connected(), await house.connected()
        with pytest.raises(HTTPClientError) as refused:
            await house.socket(Authorization=f"Bearer {house.token}")
        assert refused.value.code == 429
        assert refused.value.response is not None
        assert refused.value.response.headers["Retry-After"] == "5"
        first.connection.close()
        await first.until_closed()
        assert await second.ask({"type": "ping"}) == {"type": "pong"}
        assert await (await house.connected()).ask({"type": "ping"}) == {"type": "pong"}


async def test_who_talks_too_fast_is_warned_and_then_closed(tmp_path: Path) -> None:
    async with House(tmp_path, limits=Limits(frames_at_once=5, frames_per_second=0.1)) as house:
        client = await house.connected()
        for _ in range(12):
            await client.say({"type": "ping"})
        kinds = []
        while (frame := await client.next()) is not None:
            kinds.append(frame["type"])
        assert kinds.count("pong") == 5
        assert kinds.count("error") == 5
        assert client.connection.close_code == 1008


async def test_a_frame_that_is_too_large_closes_the_socket(house: House) -> None:
    client = await house.connected()
    await client.say("x" * (128 * 1024 + 1))
    assert (await client.until_closed())[0] == 1009


async def test_a_stopping_server_says_going_away(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        client = await house.connected()
    assert await client.until_closed() == (1001, "the host is stopping")


async def test_when_events_begin_anew_clients_are_told_to_come_back(house: House) -> None:
    client = await house.connected()
    await client.ask({"type": "subscribe", "topic": "agent:status"})
    house.system.restart("events")
    assert (await client.until_closed())[0] == 1012


async def test_who_reads_too_slowly_is_told_what_it_missed(tmp_path: Path) -> None:
    limits = Limits(queue_frames=10, send_buffer=4096)
    async with House(tmp_path, limits=limits) as house:
        slow, quick = await stalled(house, "chat:message"), await house.connected()
        await quick.ask({"type": "subscribe", "topic": "chat:message"})
        for number in range(1, 301):
            await house.publish(said("x", f"{number} " + "z" * 4000))
            assert (await quick.next())["seq"] == number
        frames = await read_on(slow, until="lagged")
        seqs = [frame["seq"] for frame in frames[:-1]]
        assert seqs == list(range(1, len(seqs) + 1))
        assert frames[-1] == {"type": "lagged", "topic": "chat:message", "dropped": 300 - len(seqs)}
        await house.publish(said("x", "after"))
        assert (await read_on(slow, until="event"))[-1]["seq"] == 301


async def test_who_never_reads_is_cut_off_with_a_reason(tmp_path: Path) -> None:
    limits = Limits(queue_frames=10, send_buffer=4096, patience=0.2)
    async with House(tmp_path, limits=limits) as house:
        await stalled(house, "chat:message")
        for number in range(300):
            await house.publish(said("x", f"{number} " + "z" * 4000))
        async with asyncio.timeout(5):
            while len(house.server.site.sockets):
                await asyncio.sleep(0.05)
        assert all(not client.waiting_bytes for client in house.server.site.sockets)


async def test_a_reset_connection_takes_frames_until_it_is_noticed(house: House) -> None:
    """The first send closes the stream; the loop hears of it only after what else there is to send."""
    client = await house.connected()
    (served,) = house.server.site.sockets
    assert isinstance(served, EventSocket)
    protocol: Any = client.connection.protocol
    set_reset(protocol.stream.socket)
    protocol.stream.close()
    for _ in range(3):
        served.say("pong")
    async with asyncio.timeout(5):
        while len(house.server.site.sockets):
            await asyncio.sleep(0.01)


async def test_a_socket_that_has_gone_leaves_memory_without_the_collector(house: House) -> None:
    gc.collect()  # what other tests have left
    gc.disable()
    try:
        for _ in range(3):
            client = await house.connected()
            protocol: Any = client.connection.protocol
            set_reset(protocol.stream.socket)
            protocol.stream.close()
        async with asyncio.timeout(5):
            while any(isinstance(each, EventSocket) for each in gc.get_objects()):
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_frame_whose_work_has_not_begun_when_the_socket_goes_leaves_no_warning(
    house: House, recwarn: pytest.WarningsRecorder
) -> None:
    client = await house.connected()
    (served,) = house.server.site.sockets
    assert isinstance(served, EventSocket)
    served.on_message('{"type": "ping"}')
    served.cut(1008, "enough")
    assert await client.until_closed() == (1008, "enough")
    assert [str(warning.message) for warning in recwarn if "never awaited" in str(warning.message)] == []


class Slow(Sessions):
    """Looks for a session until it is let go on."""

    @on(GetSession)
    async def get(self, message: GetSession) -> SessionDetail:  # type: ignore[override]
        self._waiting.set()
        await self._cancelled.wait()
        return SessionDetail(message.key, "general-agent", 0, NOW, ())


async def test_who_leaves_during_the_handshake_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with House(tmp_path, sessions=Slow) as house:
        leaving = socket.create_connection(("127.0.0.1", house.port))
        leaving.sendall(handshake(house, "/ws/chat/x"))
        await house.waiting.wait()
        set_reset(leaving)
        leaving.close()
        house.cancelled.set()
        client = await house.connected()
        assert await client.ask({"type": "ping"}) == {"type": "pong"}
        assert len(house.server.site.sockets) == 1
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def handshake(house: House, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{house.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {house.token}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def set_reset(sock: socket.socket) -> None:
    """Closing it will be no goodbye, as with a machine that has lost its memory of the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def stalled(house: House, topic: str) -> Client:
    """A subscriber whose kernel takes little, and who reads nothing until it is asked for a frame."""
    client = await house.connected()
    protocol: Any = client.connection.protocol
    protocol.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await client.ask({"type": "subscribe", "topic": topic})
    return client


async def read_on(client: Client, until: str) -> list[Any]:
    frames: list[Any] = []
    while not frames or frames[-1]["type"] != until:
        frames.append(await client.next())
    return frames
