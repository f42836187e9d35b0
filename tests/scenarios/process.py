"""A whole host in a child process, reached over HTTP as anybody would."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Self

START_LIMIT = 30.0
"""Seconds a start may take on a machine that is busy with other things."""

LISTENS = re.compile(rb"clawft listens on http://127\.0\.0\.1:(\d+)")


class Answer(NamedTuple):
    """An HTTP response whose body was JSON."""

    status: int
    body: Any
    headers: dict[str, str]
    """By their names in lower case."""


class HostProcess:
    """`clawft serve` on a data folder and a free port."""

    def __init__(self, data_dir: Path, *options: str, command: list[str] | None = None) -> None:
        command = command or [
            sys.executable,
            "-m",
            "clawft.cli",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(data_dir),
        ]
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log)
        self.port = self._await_port()
        self.token = ""

    def _await_port(self) -> int:
        assert self.process.stdout
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            deadline = time.monotonic() + START_LIMIT
            while selector.select(max(0, deadline - time.monotonic())):
                piece = os.read(self.process.stdout.fileno(), 4096)
                said += piece
                if found := LISTENS.search(said):
                    return int(found[1])
                if not piece:
                    break
        self.kill()
        raise AssertionError(f"the host did not start; it said {said!r} and logged:\n{self.log.read_text()}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def stop(self, limit: float = 10.0) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        timeout: float = 30,
        **headers: str,
    ) -> Answer:
        """One request with a token of ours, or the one given; ``""`` sends none."""
        bearer = self._own_token() if token is None else token
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.port, method, path, body, bearer, timeout, named)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The body of a request that must succeed."""
        answer = self.call(method, path, body)
        assert answer.status == 200, (method, path, answer)
        return answer.body

    def _own_token(self) -> str:
        if not self.token:
            answer = request(self.port, "POST", "/api/auth/token", None, "", 30)
            assert answer.status == 200, answer
            self.token = answer.body["token"]
        return self.token


def request(
    port: int,
    method: str,
    path: str,
    body: Any,
    token: str,
    timeout: float,
    more: dict[str, str] | None = None,
) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"Authorization": f"Bearer {token}", **(more or {})} if token else {}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    try:
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        text = response.read()
        sent = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if text else None, sent)
    finally:
        connection.close()


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[HostProcess]:
    """A host that is gone when the block ends, however it ends."""
    host = HostProcess(data_dir, *options)
    try:
        yield host
    finally:
        host.kill()
