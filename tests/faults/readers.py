"""Readers of WebSockets on bare sockets: thousands of them, cheap enough to share a machine with the host.

``python -m tests.faults.readers PORT TOKENS COUNT TOPIC`` reads until its input ends, and then prints as JSON
what each socket got: frames, whether they came in order, and how late the latest were.
"""

import base64
import json
import os
import re
import selectors
import socket
import sys
import time
from typing import cast

_SEQ = re.compile(rb'"seq":(\d+)')
_SENT = re.compile(rb"sent=(\d+\.\d+)")


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
    sock.sendall(_masked(json.dumps({"type": "subscribe", "topic": topic}).encode()))
    got = b""
    while b"subscribed" not in got:
        got += _more(sock)
    return sock


def _more(sock: socket.socket) -> bytes:
    piece = sock.recv(65536)
    if not piece:
        raise ConnectionError("the host closed the socket")
    return piece


def _masked(data: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(data)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


class Reader:
    """What one socket got."""

    def __init__(self) -> None:
        self.rest = b""
        self.frames = 0
        self.last = 0
        self.out_of_order = 0
        self.late: list[float] = []

    def take(self, data: bytes, now: float) -> None:
        """Frames are recognised by their numbers: they are not taken apart."""
        text = self.rest + data
        for found in _SEQ.finditer(text):
            seq = int(found[1])
            self.frames += 1
            self.out_of_order += self.last != 0 and seq != self.last + 1
            self.last = seq
        for found in _SENT.finditer(text):
            self.late.append(now - float(found[1]))
        # What may be cut in the middle is looked at again with what follows, and no more than that.
        tail = text[-64:]
        ends = [found.end() for kind in (_SEQ, _SENT) for found in kind.finditer(text)]
        self.rest = tail[max(0, max(ends, default=0) - (len(text) - len(tail))) :]


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
        data = sock.recv(1 << 17)
        if not data:
            selector.unregister(sock)
            continue
        readers[sock].take(data, time.time())
    return True


if __name__ == "__main__":
    listen(int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4])
