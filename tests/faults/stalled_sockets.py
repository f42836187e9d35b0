"""A thousand sockets of which a hundred do not read: the others get everything, in order and in time."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, hosting, metric, session
from tests.faults.readers import subscribed
from tests.scenarios.process import HostProcess

ROOT = Path(__file__).parents[2]
TOPIC = "chat:message"
SIZE, RATE = 16 * 1024, 5.0
CACHE = 16
"""MiB of the database that the writer keeps in memory."""
WARM = 250
"""Messages that fill it, so that it does not count as the sockets'."""
MORE = 8
"""MiB that as many sockets may take the second time beyond the first. What they took stays with the
allocator, which hands it to the next and gives it back to the system only when memory is short.
"""


def run(long: bool) -> Figures:
    good, stalled, seconds = (900, 100, 60.0) if long else (60, 20, 3.0)
    figures = Figures(
        f"{good + stalled} sockets, {stalled} stalled, {SIZE >> 10} KiB x {RATE:g}/s x {seconds:g} s"
    )
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        tokens = [_token(host) for _ in range(-(-(good + stalled + 10) // 250))]
        call = Caller(host, tokens[0])
        key = session(call)
        if long:
            for _ in range(WARM):
                _say(call, key)
        bare = _memory(host)
        wave = _wave(host, tokens, key, (good, stalled), seconds)
        _judge(figures, wave, good)
        left = _settled(host, tokens[0])
        figures.note(f"the sockets took {wave.before - bare:.0f} MiB, {left - bare:.0f} are kept for others")
        again = _wave(host, tokens, key, (good, stalled), seconds / 6)
        more = again.most - wave.most
        figures.must(more <= (MORE if long else MORE + CACHE), f"as many again took {more:+.0f} MiB more")
    return figures


class Wave(NamedTuple):
    """Sockets that came, were spoken to and went."""

    sent: int
    told: dict[str, object]
    before: float
    """MiB when they had come."""
    most: float


def _wave(host: HostProcess, tokens: list[str], key: str, counts: tuple[int, int], seconds: float) -> Wave:
    good, stalled = counts
    with _listening(host, tokens, good) as child:
        idle = [subscribed(host.port, tokens[-1 - n % len(tokens)], TOPIC, 4096) for n in range(stalled)]
        before = _memory(host)
        sent, most = _talk(host, Caller(host, tokens[0]), key, seconds)
        told = _told(child)
    for sock in idle:
        sock.close()
    return Wave(sent, told, before, most)


@contextmanager
def _listening(host: HostProcess, tokens: list[str], count: int) -> Iterator["subprocess.Popen[str]"]:
    """Those who read, in a process of their own."""
    command = [sys.executable, "-m", "tests.faults.readers"]
    command += [str(host.port), ",".join(tokens), str(count), TOPIC]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child


def _told(child: "subprocess.Popen[str]") -> dict[str, object]:
    assert child.stdin is not None
    assert child.stdout is not None
    time.sleep(1.0)  # what is under way
    child.stdin.close()
    told: dict[str, object] = json.loads(child.stdout.readline())
    return told


def _talk(host: HostProcess, call: Caller, key: str, seconds: float) -> tuple[int, float]:
    """How many messages were sent, and the most memory meanwhile."""
    began, sent, most = time.monotonic(), 0, 0.0
    while time.monotonic() - began < seconds:
        _say(call, key)
        sent += 1
        most = max(most, _memory(host))
        time.sleep(max(0.0, began + sent / RATE - time.monotonic()))
    return sent, most


def _say(call: Caller, key: str) -> None:
    body = f"sent={time.time():.6f} " + "x" * SIZE
    assert call("POST", f"/api/sessions/{key}/messages", {"content": body}).status == 200


def _judge(figures: Figures, wave: Wave, good: int) -> None:
    frames, told, events = wave.told["frames"], wave.told, 2 * wave.sent  # a message and its answer
    assert isinstance(frames, list)
    whole = sum(count == events for count in frames)
    figures.must(whole == good, f"all {events} events to {whole}/{good}")
    figures.must(told["out_of_order"] == 0, f"{told['out_of_order']} out of order")
    figures.must(float(str(told["p99"])) <= 1.0, f"p99 {float(str(told['p99'])) * 1000:.0f} ms")
    grown = wave.most - wave.before
    figures.must(grown <= 128, f"memory at most +{grown:.0f} MiB")


def _token(host: HostProcess) -> str:
    for _ in range(20):
        answer = host.call("POST", "/api/auth/token", token="")
        if answer.status == 200:
            return str(answer.body["token"])
        time.sleep(0.6)
    raise AssertionError(answer)


def _settled(host: HostProcess, token: str) -> float:
    """Once the host has noticed that they have gone."""
    until = time.monotonic() + 20
    while metric(host, "clawft_sockets", token) and time.monotonic() < until:
        time.sleep(0.2)
    return _memory(host)


def _memory(host: HostProcess) -> float:
    """MiB."""
    return float(psutil.Process(host.process.pid).memory_info().rss) / 2**20
