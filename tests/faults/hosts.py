"""Hosts under load: many requests at once to a host in a process of its own, and what each came to."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.scenarios.process import Answer, HostProcess

GONE = (OSError, http.client.HTTPException, json.JSONDecodeError)
"""What a request may come to whose host dies."""


@contextmanager
def hosting(data_dir: Path, *options: str, command: list[str] | None = None) -> Iterator[HostProcess]:
    """A host that is gone when the block ends. Never in safe mode: dying is what these are about."""
    options = options if command else ("--safe-mode", "off", "--log-level", "error", *options)
    host = HostProcess(data_dir, *options, command=command)
    try:
        yield host
    finally:
        host.kill()


class Caller:
    """One keep-alive connection."""

    def __init__(self, host: HostProcess, token: str, timeout: float = 60.0) -> None:
        self._connection = HTTPConnection("127.0.0.1", host.port, timeout=timeout)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, data, {**self._headers, **named})
        response = self._connection.getresponse()
        text = response.read()
        sent = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if text else None, sent)

    def close(self) -> None:
        self._connection.close()


@dataclass
class Load:
    """Threads that call until they are stopped, or the host has gone."""

    threads: list[threading.Thread]
    over: threading.Event

    @classmethod
    def of(cls, count: int, work: Callable[[int, threading.Event], None]) -> "Load":
        over = threading.Event()
        threads = [threading.Thread(target=work, args=(number, over), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        return cls(threads, over)

    def stop(self, within: float = 30.0) -> int:
        """How many hang all the same."""
        self.over.set()
        return self.join(within)

    def join(self, within: float) -> int:
        """Wait for those who stop by themselves; how many do not."""
        deadline = time.monotonic() + within
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(thread.is_alive() for thread in self.threads)


def session(call: Callable[..., Answer]) -> str:
    made = call("POST", "/api/sessions", {"agent_id": "general-agent"})
    assert made.status == 200, made
    return str(made.body["key"])


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


def metric(host: HostProcess, name: str, token: str) -> float:
    """One without labels, as ``/metrics`` says it."""
    with closing(HTTPConnection("127.0.0.1", host.port, timeout=20)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        lines = connection.getresponse().read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
