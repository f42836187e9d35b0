"""Readers of WebSockets on bare sockets: thousands of them, cheap enough to share a machine with the host.

``python -m tests.faults.readers PORT TOKENS COUNT TOPIC`` reads until its input ends, and then prints as JSON
what each socket got: frames, whether they came in order, and how late the latest were.
"""

import base64
import json
import os
import selectors
import socket
import sys
import time
from typing import cast

TEXT, PING, PONG = 0x81, 0x89, 0x8A
"""First bytes of frames that are whole."""


def subscribed(port: int, token: str, topic: str, receive_buffer: int = 0) -> socket.socket:
    """A socket that is subscribed."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    )
    sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
    got = b""
    while b"connected" not in got:
        got += _more(sock)
    sock.sendall(_masked(TEXT, json.dumps({"type": "subscribe", "topic": topic}).encode()))
    got = b""
    while b"subscribed" not in got:
        got += _more(sock)
    return sock


def _more(sock: socket.socket) -> bytes:
    piece = sock.recv(65536)
    if not piece:
        raise ConnectionError("the host closed the socket")
    return piece


def _masked(first: int, data: bytes) -> bytes:
    """A short frame as a client has to send it (RFC 6455, section 5.3)."""
    mask = os.urandom(4)
    return (
        bytes([first, 0x80 | len(data)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    )


class Reader:
    """What one socket got."""

    def __init__(self) -> None:
        self.frames = 0
        self.out_of_order = 0
        self.late: list[float] = []
        self._last = 0
        self._rest = bytearray()

    def take(self, data: bytes, now: float) -> list[bytes]:
        """The payloads of pings among it: whoever does not answer them is cut off."""
        self._rest += data
        pings = []
        at = 0
        while (frame := _frame(self._rest, at)) is not None:
            first, begin, end = frame
            if first == PING:
                pings.append(bytes(self._rest[begin:end]))
            elif first == TEXT:
                self._hear(begin, end, now)
            at = end
        del self._rest[:at]
        return pings

    def _hear(self, begin: int, end: int, now: float) -> None:
        """Number and time are looked for in place: taking the JSON apart would measure the reader."""
        if (seq := _number(self._rest, b'"seq":', begin, end)) is None:
            return
        self.frames += 1
        self.out_of_order += self._last != 0 and seq != self._last + 1
        self._last = int(seq)
        if (sent := _number(self._rest, b"sent=", begin, end)) is not None:
            self.late.append(now - sent)


def _frame(data: bytearray, at: int) -> tuple[int, int, int] | None:
    """First byte, begin and end of the payload of the frame there, if all of it has come."""
    if len(data) < at + 2:
        return None
    size, begin = data[at + 1], at + 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        if len(data) < begin + wide:
            return None
        size, begin = int.from_bytes(data[begin : begin + wide]), begin + wide
    return (data[at], begin, begin + size) if len(data) >= begin + size else None


def _number(data: bytearray, before: bytes, begin: int, end: int) -> float | None:
    at = data.find(before, begin, end)
    if at < 0:
        return None
    at += len(before)
    stop = at
    while stop < end and data[stop] in b"0123456789.":
        stop += 1
    return float(data[at:stop])


def listen(port: int, tokens: list[str], count: int, topic: str) -> None:
    readers: dict[socket.socket, Reader] = {}
    with selectors.EpollSelector() as selector:
        for number in range(count):
            sock = subscribed(port, tokens[number % len(tokens)], topic)
            sock.setblocking(False)
            readers[sock] = Reader()
            selector.register(sock, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while _read(selector, readers):
            pass
    late = sorted(each for reader in readers.values() for each in reader.late)
    said = {
        "frames": [reader.frames for reader in readers.values()],
        "out_of_order": sum(reader.out_of_order for reader in readers.values()),
        "p99": late[int(len(late) * 0.99)] if late else 0.0,
        "worst": late[-1] if late else 0.0,
    }
    print(json.dumps(said), flush=True)


def _read(selector: selectors.BaseSelector, readers: dict[socket.socket, Reader]) -> bool:
    for key, _ in selector.select():
        if key.fileobj is sys.stdin:
            return False
        sock = cast(socket.socket, key.fileobj)
        data = _received(sock)
        if not data:
            selector.unregister(sock)
            continue
        for ping in readers[sock].take(data, time.time()):
            sock.send(_masked(PONG, ping))
    return True


def _received(sock: socket.socket) -> bytes:
    """Nothing: it is over, however it ended."""
    try:
        return sock.recv(1 << 17)
    except OSError:
        return b""


if __name__ == "__main__":
    listen(int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4])
