"""Whoever asks for health while the turns run, in a process of its own, one question after the other."""

import json
import select
import socket
import sys
import time

PAUSE = 0.01
"""Seconds between an answer and the next question."""


def main(port: int) -> None:
    request = f"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    samples = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            began = time.perf_counter()
            sock.sendall(request)
            _answer(sock)
            samples.append((began, time.perf_counter() - began))
    for sample in samples:
        print(json.dumps(sample))


def _answer(sock: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += sock.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < int(length.partition(b":")[2]):
        body += sock.recv(65536)


if __name__ == "__main__":
    main(int(sys.argv[1]))
