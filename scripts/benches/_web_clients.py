"""The other end of the web bench, in a process of its own: one client asks over and over, one listens."""

import base64
import json
import os
import selectors
import socket
import sys
import time
from typing import cast

from clawft.web.frames import text_frame

CONNECTIONS = 16


def ask(port: int, path: str, token: str, seconds: float) -> dict[str, float]:
    """Ask for ``path`` on keep-alive connections, one request at a time on each; requests/s and latencies."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    request = (head + (f"Authorization: Bearer {token}\r\n" if token else "") + "\r\n").encode()
    size = len(_whole_answer(port, request))
    times: list[float] = []
    with selectors.EpollSelector() as selector:
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        for sock in connections:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(sock, selectors.EVENT_READ, [time.perf_counter(), size])
            sock.send(request)
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(1.0):
                state, sock = key.data, cast(socket.socket, key.fileobj)
                state[1] -= len(sock.recv(65536))
                if not state[1]:
                    now = time.perf_counter()
                    times.append(now - state[0])
                    state[:] = [now, size]
                    sock.send(request)
        took = time.perf_counter() - began
        for sock in connections:
            sock.close()
    times.sort()
    return {"rate": len(times) / took, "count": len(times), "p99": times[int(len(times) * 0.99)]}


def _whole_answer(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += sock.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        (length,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        while len(body) < int(length.split(b":")[1]):
            body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def listen(port: int, count: int, topic: str, *, reads: bool) -> None:
    """Open ``count`` sockets, subscribe each, then read all that comes or nothing at all, until stdin ends.

    ``{}`` in the topic is the socket's number.
    """
    socks = [_subscribed(port, topic.format(number)) for number in range(count)]
    print("ready", flush=True)
    if not reads:
        sys.stdin.read()
        return
    room = bytearray(1 << 16)  # one for all: a fresh one each time is 16 pages for the kernel to clear
    with selectors.EpollSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                cast(socket.socket, key.fileobj).recv_into(room)


def _subscribed(port: int, topic: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    greeting = text_frame(b'{"type":"connected"}')
    got = b""
    while not got.endswith(greeting):
        got += sock.recv(4096)
    frame = text_frame(json.dumps({"type": "subscribe", "topic": topic}).encode())
    header = 2 if frame[1] < 126 else 4
    sock.sendall(frame[:1] + bytes([frame[1] | 0x80]) + frame[2:header] + bytes(4) + frame[header:])
    answer = b""
    while b"subscribed" not in answer:
        answer += sock.recv(4096)
    return sock


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    if job.pop("kind") == "ask":
        print(json.dumps(ask(**job)))
    else:
        listen(**job)
