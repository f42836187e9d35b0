"""A thousand sockets of which a hundred do not read: the others get everything, in order and in time."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, hosting, session
from tests.faults.readers import subscribed
from tests.scenarios.process import HostProcess

ROOT = Path(__file__).parents[2]
SIZE, RATE = 16 * 1024, 5.0


def run(long: bool) -> Figures:
    good, stalled, seconds = (900, 100, 60.0) if long else (60, 20, 4.0)
    figures = Figures(
        f"{good + stalled} sockets, {stalled} stalled, {SIZE >> 10} KiB x {RATE:g}/s x {seconds:g} s"
    )
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        tokens = [_token(host) for _ in range(-(-(good + stalled + 10) // 250))]
        call = Caller(host, tokens[0])
        key = session(call)
        command = [
            sys.executable,
            "-m",
            "tests.faults.readers",
            str(host.port),
            ",".join(tokens),
            str(good),
            "chat:message",
        ]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            idle = [
                subscribed(host.port, tokens[-1 - n % len(tokens)], "chat:message", 4096)
                for n in range(stalled)
            ]
            memory = psutil.Process(host.process.pid).memory_info
            before, most = memory().rss, 0
            began, sent = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                body = f"sent={time.time():.6f} " + "x" * SIZE
                assert call("POST", f"/api/sessions/{key}/messages", {"content": body}).status == 200
                sent += 1
                most = max(most, memory().rss)
                time.sleep(max(0.0, began + sent / RATE - time.monotonic()))
            time.sleep(1.0)
            child.stdin.close()
            told = json.loads(child.stdout.readline())
        for sock in idle:
            sock.close()
        _judge(figures, told, sent, good)
        grown = (most - before) >> 20
        figures.must(grown <= 128, f"memory at most +{grown} MiB")
        call("DELETE", f"/api/sessions/{key}")
        after = _settled(host)
        figures.note(f"+{(after - before) >> 20} MiB once they have gone")
    return figures


def _judge(figures: Figures, told: dict[str, object], sent: int, good: int) -> None:
    frames = told["frames"]
    assert isinstance(frames, list)
    whole = sum(count == 2 * sent for count in frames)  # a message and its answer
    figures.must(whole == good, f"all {2 * sent} events to {whole}/{good}")
    figures.must(told["out_of_order"] == 0, f"{told['out_of_order']} out of order")
    figures.must(float(str(told["p99"])) <= 1.0, f"p99 {float(str(told['p99'])) * 1000:.0f} ms")


def _token(host: HostProcess) -> str:
    for _ in range(20):
        answer = host.call("POST", "/api/auth/token", token="")
        if answer.status == 200:
            return str(answer.body["token"])
        time.sleep(0.6)
    raise AssertionError(answer)


def _settled(host: HostProcess) -> int:
    time.sleep(2.0)
    return int(psutil.Process(host.process.pid).memory_info().rss)
