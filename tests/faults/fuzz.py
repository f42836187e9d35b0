"""Anything at all, over HTTP and WebSockets: nothing crashes, and no traceback is logged."""

import base64
import json
import os
import random
import socket
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from clawft.web.routes import ROUTES
from tests.faults.figures import Figures
from tests.faults.hosts import GONE, Caller, hosting, session
from tests.scenarios.process import HostProcess

SKIPPED = {
    "RevokeOwnToken": "ends the token that the run itself uses",
    "TestMic": "takes seconds each time, of a device that hardly any machine has that plays this",
    "TestSpeaker": "as TestMic, and can be heard",
}
"""Messages that are not sent, and why."""
REFUSED = {"SendMessage": (502,)}
"""What may be answered with 500 and more: a run changes the config, and may name a model that nobody has."""
SEGMENTS = ("x", "general-agent", "%00", "%2e%2e", "a" * 500, "voice", "%F0%9F%92%A5", "1")


class Shape(NamedTuple):
    """A request that can be made up."""

    method: str
    path: str
    message: str
    fields: tuple[str, ...]


SHAPES = (
    *(
        Shape(route.method, route.path, route.message.__name__, route.message.__struct_fields__)
        for route in ROUTES
        if route.message.__name__ not in SKIPPED
    ),
    Shape(
        "POST", "/v1/chat/completions", "SendMessage", ("model", "messages", "stream", "max_tokens", "user")
    ),
    Shape("POST", "/mcp", "Mcp", ("jsonrpc", "id", "method", "params")),
)


def run(long: bool) -> Figures:
    rounds = 20_000 if long else 900
    figures, dice = Figures(f"fuzz x {rounds}"), random.Random(20261127)
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        token = host.ok("POST", "/api/auth/token")["token"]
        statuses: Counter[tuple[str, int]] = Counter()
        key = ""
        for number in range(rounds // 3):
            if number % 50 == 0:
                key = session(Caller(host, token))  # the one before is deleted sooner or later
            shape = dice.choice(SHAPES)
            statuses[shape.message, _json_request(host, token, shape, key, dice)] += 1
        for _ in range(rounds // 3):
            _raw_bytes(host, dice)
        for _ in range(rounds // 30):
            _frames(host, token, dice)
        _judge(figures, host, statuses)
    return figures


def _judge(figures: Figures, host: HostProcess, statuses: "Counter[tuple[str, int]]") -> None:
    totals: Counter[int] = Counter()
    for (_, status), count in statuses.items():
        totals[status] += count
    figures.must(0 not in totals, f"answers {dict(sorted(totals.items()))}")
    bad = [each for each in statuses if each[1] >= 500 and each[1] not in REFUSED.get(each[0], ())]
    figures.must(not bad, f"{len(bad)} kinds of failures {bad[:3]}")
    alive = host.process.poll() is None and host.call("GET", "/api/health", token="").status == 200
    figures.must(alive, "the host lives" if alive else "the host has died")
    traces = [line for line in host.log.read_text(errors="replace").splitlines() if "Traceback" in line]
    figures.must(not traces, f"{len(traces)} tracebacks logged {traces[:1]}")
    letters = host.ok("GET", "/api/health")["dead_letters"]
    figures.note(f"{letters} dead letters")


def _value(dice: random.Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: dice.choice(
            ["", "x", "a" * 300, "\u0000", "\ud800", "../../etc/passwd", "\u202e", "💥", "1e999"]
        ),
        lambda: dice.choice([0, -1, 1, 2**31, 2**63, -(2**70), 1.5, 1e308]),
        lambda: dice.choice([None, True, False]),
    ]
    if depth < 3:
        kinds += [
            lambda: [_value(dice, depth + 1) for _ in range(dice.randrange(4))],
            lambda: {str(_value(dice, 9)): _value(dice, depth + 1) for _ in range(dice.randrange(4))},
        ]
    return dice.choice(kinds)()


def _json_request(host: HostProcess, token: str, shape: Shape, key: str, dice: random.Random) -> int:
    """The status; 0: there was no answer."""
    path = "/".join(_segment(part, key, dice) for part in shape.path.split("/"))
    if dice.random() < 0.4:
        path += "?" + "&".join(
            f"{name}={dice.choice(['', '1', '-1', 'x', '%00', '%ff', '1e9'])}"
            for name in ("limit", "offset", "q", "since")
        )
    body = (
        {name: _value(dice) for name in shape.fields if dice.random() < 0.7}
        if dice.random() < 0.8
        else _value(dice)
    )
    data = None if shape.method == "GET" else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", host.port, timeout=20)) as connection:
        try:
            connection.request(shape.method, path, data, headers)
            return connection.getresponse().status
        except GONE:
            return 0


def _segment(part: str, key: str, dice: random.Random) -> str:
    return dice.choice((*SEGMENTS, key)) if part.startswith((":", "*")) else part


def _raw_bytes(host: HostProcess, dice: random.Random) -> None:
    heads = [
        b"GET / HTTP/1.1\r\n",
        b"POST /api/memory HTTP/1.1\r\nContent-Length: 5\r\n",
        b"\x16\x03\x01",
        b"PRI * HTTP/2.0\r\n\r\n",
    ]
    text = dice.choice(heads) + dice.randbytes(dice.randrange(200)) + dice.choice([b"", b"\r\n\r\n", b"\n\n"])
    try:
        with socket.create_connection(("127.0.0.1", host.port), timeout=2) as sock:
            sock.sendall(text)
            if dice.random() < 0.5:
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(0.2)
                sock.recv(4096)
    except OSError:
        return


def _frames(host: HostProcess, token: str, dice: random.Random) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {dice.choice(['/ws', '/ws/canvas', '/ws/chat/x'])} HTTP/1.1",
        f"Host: 127.0.0.1:{host.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    )
    head = "\r\n".join(lines) + "\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", host.port), timeout=2) as sock:
            sock.sendall(head.encode())
            sock.recv(4096)
            for _ in range(dice.randrange(1, 20)):
                sock.sendall(_frame(dice))
            sock.settimeout(0.1)
            sock.recv(65536)
    except OSError:
        return


def _frame(dice: random.Random) -> bytes:
    if dice.random() < 0.3:
        return dice.randbytes(dice.randrange(1, 60))
    types = ["subscribe", "unsubscribe", "ping", "canvas_interaction", "voice:push_to_talk_start", "x", 7]
    said = {
        "type": dice.choice(types),
        "topic": _value(dice),
        "since": _value(dice),
        "element_id": _value(dice),
    }
    data = json.dumps(said).encode()[:120] if dice.random() < 0.2 else json.dumps(said).encode()
    mask = os.urandom(4)
    size = (
        bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    )
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    return bytes([dice.choice([0x81, 0x81, 0x81, 0x82, 0x01, 0x89])]) + size + mask + masked
