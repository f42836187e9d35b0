"""A thousand turns at once on a model that takes two seconds: when the last one is answered, and how long the
host lets others wait meanwhile. Both are told as ratios to the model's own time, measured in the same run.

The host is a whole one in a process of its own, reached over HTTP; whoever asks for its health is in a third.
"""

import argparse
import asyncio
import json
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

LATEST = 1.5
"""Times the model's own time until the last turn is answered."""
PATIENCE = 0.05
"""Parts of the model's own time that 99 of 100 questions for health may take."""
MOST = 300.0
"""Seconds after which it is given up."""


class Turns(NamedTuple):
    wall: float
    health: list[float]
    """Seconds each question for health took while the turns ran, shortest first."""


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench turns", description=__doc__)
    parser.add_argument("--turns", type=int, default=1000, help="how many at once")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long the model takes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(args)
    _raise_file_limit(options.turns * 3)
    rounds = [asyncio.run(_round(options.turns, options.seconds)) for _ in range(options.rounds)]
    best = min(rounds, key=lambda each: each.wall)
    wall, p99 = best.wall, best.health[int(len(best.health) * 0.99)]
    which = f"{options.turns} turns on a model of {options.seconds:g} s"
    fine = _report(f"last answer of {which}", wall, wall / options.seconds, LATEST)
    calm = _report(f"p99 of /api/health during {which}", p99, p99 / options.seconds, PATIENCE)
    return 0 if fine and calm else 1


def _report(figure: str, seconds: float, ratio: float, most: float) -> bool:
    fine = ratio <= most
    line = {
        "figure": figure,
        "value": round(seconds, 4),
        "ratio": round(ratio, 4),
        "against": "the model's time",
    }
    print(json.dumps({**line, "reach": f"<= {most:g}", "ok": fine}), flush=True)
    return fine


async def _round(turns: int, seconds: float) -> Turns:
    with tempfile.TemporaryDirectory() as folder:
        async with _host(Path(folder), seconds) as port:
            return await asyncio.wait_for(_measured(port, turns), MOST)


@asynccontextmanager
async def _host(folder: Path, seconds: float) -> AsyncIterator[int]:
    command = [sys.executable, "-m", "scripts.benches._turns_host", str(folder / "data"), str(seconds)]
    host = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        assert host.stdout is not None
        url = await host.stdout.readline()
        yield urlsplit(url.decode().strip()).port or 0
    finally:
        host.kill()
        await host.wait()


async def _measured(port: int, turns: int) -> Turns:
    token = (await _once(port, "POST", "/api/auth/token"))["token"]
    spec = {"name": "slow-agent", "model": "slow/one"}
    await _once(port, "POST", "/api/agents", spec, token)
    made = [
        (await _once(port, "POST", "/api/sessions", {"agent_id": "slow-agent"}, token))["key"]
        for _ in range(turns)
    ]
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in made]
    asked = [
        _request(port, "POST", f"/api/sessions/{key}/messages", {"content": "Hello"}, token) for key in made
    ]
    asker = _ask_for_health(port)
    await asyncio.sleep(0.5)
    began, ended, answers = await asyncio.to_thread(_all_at_once, lines, asked)
    assert all(b"piece 0 piece 1" in answer for answer in answers), answers[:3]
    told, _ = await asyncio.to_thread(asker.communicate, "enough\n")
    samples = [json.loads(line) for line in told.splitlines()]
    return Turns(ended - began, sorted(took for at, took in samples if began <= at <= ended))


def _all_at_once(lines: list[socket.socket], asked: list[bytes]) -> tuple[float, float, list[bytes]]:
    """When the first was asked and the last had answered, and the answers. Plain sockets, to take little of
    the machine that the host runs on."""
    answers: dict[socket.socket, bytes] = dict.fromkeys(lines, b"")
    left = set(lines)
    with selectors.EpollSelector() as selector:
        for line in lines:
            selector.register(line, selectors.EVENT_READ)
        began = time.perf_counter()
        for line, request in zip(lines, asked, strict=True):
            line.sendall(request)
        while left:
            for key, _ in selector.select(MOST):
                line = cast("socket.socket", key.fileobj)
                answers[line] += line.recv(65536)
                if _is_whole(answers[line]):
                    left.discard(line)
        ended = time.perf_counter()
    for line in lines:
        line.close()
    return began, ended, list(answers.values())


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200 "), answer
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return len(body) >= int(length.partition(b":")[2])


def _ask_for_health(port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.benches._turns_health", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _request(port: int, method: str, path: str, body: Any = None, token: str = "") -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(data)}"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Content-Type: application/json"] if data else []
    return "\r\n".join([*head, "", ""]).encode() + data


async def _once(port: int, method: str, path: str, body: Any = None, token: str = "") -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await _talk(reader, writer, _request(port, method, path, body, token))


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Any:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    body = await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 "), head + body
    return json.loads(body)


def _raise_file_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted + 500)), hard))
