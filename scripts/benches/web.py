"""What the web layer adds: REST through an actor beside a bare handler, fan-out beside a bare send loop,
what a client that does not read costs, and how soon and how small a host is.

Everything that is compared is measured in the same run, turn about, with the clients in another process.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from clawft.actors.events import Events
from clawft.actors.tokens import Tokens
from clawft.domain.events import ChunkAdded
from clawft.domain.tokens import SCOPES, SECRET_PREFIX, Caller
from clawft.domain.tools import ToolInfo
from clawft.messages.events import Publish
from clawft.messages.tokens import MintToken
from clawft.messages.tools import ListTools
from clawft.runtime import Actor, System, on
from clawft.store import Store
from clawft.store.events import EventStore
from clawft.store.tokens import TokenStore
from clawft.web.base import HEADERS
from clawft.web.frames import text_frame
from clawft.web.limits import Limits
from clawft.web.routes import Route
from clawft.web.server import Server
from clawft.web.socket import EventSocket

PATH = "/api/tools"
TEXT = "The quick brown fox jumps over the lazy dog. " * 4
MB = 1_000_000
ROOMY = Limits(sockets=20_000, connections=20_000, ping_seconds=600.0)
"""The bench's clients answer no ping."""
LISTENS = re.compile(r"clawft listens on (http://\S+)")


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench web", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.5, help="how long a round of REST takes")
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--only", choices=["rest", "fan-out", "stalled", "host"])
    options = parser.parse_args(args)
    _raise_file_limit()
    parts: dict[str, Callable[[], Iterator[bool]]] = {
        "rest": lambda: asyncio.run(_rest(options.rounds, options.seconds)),
        "fan-out": lambda: asyncio.run(_fan_out(options.sockets, options.rounds)),
        "stalled": lambda: asyncio.run(_stalled()),
        "host": _host,
    }
    chosen = [parts[options.only]] if options.only else list(parts.values())
    return 0 if min(fine for part in chosen for fine in part()) else 1


def report(figure: str, value: float, ratio: float, against: str, reach: str, fine: bool) -> bool:
    line = {"figure": figure, "value": round(value, 4), "ratio": round(ratio, 3), "against": against}
    print(json.dumps({**line, "reach": reach, "ok": fine}), flush=True)
    return fine


# ---- REST


class Tools(Actor):
    """Answers from memory, as every read of a small thing does."""

    answer = tuple(ToolInfo(f"tool_{number}", TEXT[:60]) for number in range(5))

    @on(ListTools)
    def all(self, _: ListTools) -> tuple[ToolInfo, ...]:
        return self.answer


class Bare(RequestHandler):
    """Sends the same bytes, and knows nothing."""

    body = b""

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in HEADERS:
            self.set_header(name, value)

    def compute_etag(self) -> None:
        return None

    def get(self) -> None:
        self.finish(self.body)


async def _rest(rounds: int, seconds: float) -> Iterator[bool]:
    open_route = Route("GET", PATH, "tools", ListTools, "open")
    async with (
        _served((open_route,)) as (_, opened),
        _served((_guarded(open_route),)) as (other, guarded),
    ):
        minted = await other.ask("tokens", MintToken(Caller("secret", SCOPES)))
        Bare.body = await asyncio.to_thread(_get, opened.url + PATH)
        bare = HTTPServer(Application([(PATH, Bare)], log_function=lambda _: None))
        sock, port = bind_unused_port()
        bare.add_socket(sock)
        ways = {"bare": (port, ""), "open": (opened.port, ""), "token": (guarded.port, minted.token)}
        done: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        gc.freeze()
        for number in range(rounds + 1):
            for name, (at, token) in ways.items():
                figures = await _asked(at, token, seconds)
                if number:  # the first round warms up
                    done[name].append(figures)
        bare.stop()
    return iter(list(_report_rest(done)))


def _report_rest(done: dict[str, list[dict[str, float]]]) -> Iterator[bool]:
    for name, words, least in (("open", "without auth", 0.93), ("token", "with a token", 0.8)):
        rate = statistics.median(figures["rate"] for figures in done[name])
        ratio = _ratio(done, name, "rate")
        yield report(
            f"REST read {words}, requests/s", rate, ratio, "a bare handler", f">= {least}", ratio >= least
        )
        cpu = _ratio(done, name, "cpu")
        print(json.dumps({"figure": f"REST read {words}, CPU a request", "ratio": round(cpu, 3)}))
    ratio = _ratio(done, "open", "p99")
    p99 = statistics.median(figures["p99"] for figures in done["open"])
    yield report(
        "REST read without auth, p99 ms", p99 * 1000, ratio, "a bare handler", "<= 1.2", ratio <= 1.2
    )


def _ratio(done: dict[str, list[dict[str, float]]], name: str, figure: str) -> float:
    """The median of what each round says: its parts ran one right after the other."""
    pairs = zip(done[name], done["bare"], strict=True)
    return statistics.median(ours[figure] / bare[figure] for ours, bare in pairs)


async def _asked(port: int, token: str, seconds: float) -> dict[str, float]:
    spent = time.process_time()
    job = {"kind": "ask", "port": port, "path": PATH, "token": token, "seconds": seconds}
    client = await asyncio.create_subprocess_exec(*_client(job), stdout=subprocess.PIPE)
    said, _ = await client.communicate()
    figures: dict[str, float] = json.loads(said)
    figures["cpu"] = (time.process_time() - spent) / figures["count"]
    return figures


# ---- fan-out


async def _fan_out(sockets: int, rounds: int) -> Iterator[bool]:
    async with _served(()) as (system, server):
        with _listening(server.port, sockets, "session:x", reads=True) as client:
            await _until_ready(client)
            clients: list[Any] = list(server.site.sockets)
            frame = text_frame(
                json.dumps({"type": "stream_chunk", "content": TEXT}, separators=(",", ":")).encode()
            )
            event = ChunkAdded("x", TEXT)
            value = {"type": "stream_chunk", "content": TEXT}
            ways: dict[str, Callable[[], object]] = {
                "bare": lambda: [each._stream.socket.send(frame) for each in clients],
                "ours": lambda: system.tell("events", Publish(event)),
                "dict": lambda: [each.write_message(value) for each in clients],
            }
            spent: dict[str, list[float]] = {name: [] for name in ways}
            gc.freeze()
            for _ in range(rounds):
                for name, send in ways.items():
                    spent[name].append(await _sent(send, clients))
    return iter(list(_report_fan_out(spent, sockets)))


async def _sent(send: Callable[[], object], clients: list[EventSocket], events: int = 6) -> float:
    """CPU seconds of this process for an event to everyone."""
    began = time.process_time()
    for _ in range(events):
        send()
        await asyncio.sleep(0)
        while any(each._stream.writing() for each in clients):  # noqa: ASYNC110 - Tornado tells nobody
            await asyncio.sleep(0.001)
    spent = time.process_time() - began
    await asyncio.sleep(0.05)  # the client reads what is left
    return spent / events


def _report_fan_out(spent: dict[str, list[float]], sockets: int) -> Iterator[bool]:
    each = {name: statistics.median(times) / sockets * 1e6 for name, times in spent.items()}
    figure = f"fan-out to {sockets} sockets, CPU us a delivery"
    over = statistics.median(ours / bare for ours, bare in zip(spent["ours"], spent["bare"], strict=True))
    yield report(figure, each["ours"], over, "a bare send loop", "<= 1.25", over <= 1.25)
    times = statistics.median(slow / ours for slow, ours in zip(spent["dict"], spent["ours"], strict=True))
    yield report(figure, each["dict"], times, "ours, for write_message(dict)", ">= 4", times >= 4)
    most = statistics.median(slow / bare for slow, bare in zip(spent["dict"], spent["bare"], strict=True))
    print(
        json.dumps({"figure": "the most that could be: write_message(dict) by bare", "ratio": round(most, 3)})
    )


# ---- a client that does not read


async def _stalled(clients: int = 40, frames: int = 1500) -> Iterator[bool]:
    async with _served((), Limits(sockets=20_000, patience=600)) as (system, server):
        with _listening(server.port, clients, "session:{}", reads=False) as client:
            await _until_ready(client)
            gc.collect()
            before = psutil.Process().memory_info().rss
            for number in range(frames):
                for topic in range(clients):
                    system.tell("events", Publish(ChunkAdded(str(topic), f"{number} {topic} " + TEXT * 20)))
                await asyncio.sleep(0)
            cost = (psutil.Process().memory_info().rss - before) / clients
            sent = frames * len(TEXT) * 20
    fine = cost <= MB
    return iter(
        [
            report(
                "a client that does not read, MB", cost / MB, cost / sent, "what it was sent", "<= 1 MB", fine
            )
        ]
    )


# ---- the whole host


def _host(starts: int = 5) -> Iterator[bool]:
    with tempfile.TemporaryDirectory(prefix="clawft-bench-") as folder:
        done = [_start(Path(folder)) for _ in range(starts + 1)][1:]  # the first one makes the machine warm
    ready = statistics.median(seconds for seconds, _ in done)
    bare = statistics.median(_python_start() for _ in range(starts))
    yield report("host ready, s", ready, ready / bare, "python -c pass", "<= 1", ready <= 1)
    size = statistics.median(size for _, size in done) / MB
    yield report("idle host, MB", size, size / 80, "80 MB", "<= 80 MB", size <= 80)


def _start(folder: Path) -> tuple[float, float]:
    """Seconds until a fresh process answers, and its memory after a while of doing nothing."""
    command = [sys.executable, "-m", "clawft.cli", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := LISTENS.search(line)))
        _get(found[1] + "/api/health")
        ready = time.perf_counter() - began
        time.sleep(2.0)
        size = psutil.Process(process.pid).memory_info().rss
        process.terminate()
    return ready, size


def _python_start() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


# ---- common


def _guarded(route: Route) -> Route:
    return Route(route.method, route.path, route.actor, route.message, "read")


@asynccontextmanager
async def _served(
    routes: tuple[Route, ...], limits: Limits | None = None
) -> AsyncIterator[tuple[System, Server]]:
    system = System("bench")
    system.attach()
    with tempfile.TemporaryDirectory(prefix="clawft-bench-") as folder:
        store = Store.open(system, Path(folder))
        secret = SECRET_PREFIX + "x" * 43
        system.spawn(Events, "events", store=EventStore(store))
        system.spawn(Tokens, "tokens", store=TokenStore(store), secret=secret)
        system.spawn(Tools, "tools")
        server = Server(system, port=0, routes=routes, limits=limits or ROOMY)
        server.start()
        try:
            yield system, server
        finally:
            await server.stop(0.1)
            await system.shutdown(5)
            store.close()


@contextmanager
def _listening(port: int, count: int, topic: str, *, reads: bool) -> Iterator["subprocess.Popen[bytes]"]:
    job = {"kind": "listen", "port": port, "count": count, "topic": topic, "reads": reads}
    client = subprocess.Popen(_client(job), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield client
    finally:
        client.kill()
        client.communicate()


async def _until_ready(client: "subprocess.Popen[bytes]") -> None:
    assert client.stdout is not None
    said = await asyncio.to_thread(client.stdout.readline)
    assert said == b"ready\n", "the clients did not get in"
    await asyncio.sleep(0.3)


def _client(job: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "scripts.benches._web_clients", json.dumps(job)]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        body: bytes = answer.read()
    return body


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
