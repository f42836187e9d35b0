"""A turn whose host is killed: it begins again once if it changed nothing, and never for ever."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from clawft.domain.turns import MOST_ATTEMPTS
from tests.scenarios.process import HostProcess

LONG = 60.0
"""Seconds the model takes where it is not to come to an end."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def hosting(folder: Path, seconds: float) -> Iterator[HostProcess]:
    command = [sys.executable, "-m", "tests.faults.slow_host", str(folder), str(seconds)]
    host = HostProcess(folder, command=command)
    try:
        yield host
    finally:
        host.kill()


def slow_session(host: HostProcess) -> str:
    host.ok("POST", "/api/agents", {"name": "slow-agent", "model": "slow/one"})
    return str(host.ok("POST", "/api/sessions", {"agent_id": "slow-agent"})["key"])


def ask(host: HostProcess, session: str, key: str = "") -> threading.Thread:
    headers = {"Idempotency_Key": key} if key else {}

    def quietly() -> None:
        with suppress(OSError, HTTPException, ValueError):
            host.call(
                "POST", f"/api/sessions/{session}/messages", {"content": "Hello"}, timeout=60, **headers
            )

    asker = threading.Thread(target=quietly)
    asker.start()
    return asker


def running(host: HostProcess, session: str) -> Any:
    """The turn, once its model is at work."""
    path, deadline = f"/api/sessions/{session}/turns", time.monotonic() + 20
    while time.monotonic() < deadline:
        for turn in host.ok("GET", path):
            steps = host.ok("GET", f"{path}/{turn['id']}").get("steps", [])
            if turn["status"] == "running" and [step["kind"] for step in steps] == ["model"]:
                return turn
        time.sleep(0.01)
    raise AssertionError("the turn did not begin")


def test_a_killed_turn_begins_again_and_its_sender_finds_the_answer(data_dir: Path) -> None:
    with hosting(data_dir, LONG) as host:
        session = slow_session(host)
        asker = ask(host, session, "once-1")
        killed = running(host, session)
        host.kill()
        asker.join(30)
    with hosting(data_dir, 0.3) as host:
        path = f"/api/sessions/{session}/messages"
        answer = host.call("POST", path, {"content": "Hello"}, Idempotency_Key="once-1").body
        assert answer["content"] == "Let me see. You said: Hello"
        (turn,) = host.ok("GET", f"/api/sessions/{session}/turns")
        assert (turn["id"], turn["status"], turn["attempts"]) == (killed["id"], "done", 2)
        assert len(host.ok("GET", f"/api/sessions/{session}")["messages"]) == 2


def test_a_turn_that_is_killed_again_and_again_is_given_up(data_dir: Path) -> None:
    with hosting(data_dir, LONG) as host:
        session = slow_session(host)
        asker = ask(host, session)
        running(host, session)
        host.kill()
        asker.join(30)
    for attempt in range(2, MOST_ATTEMPTS + 1):
        with hosting(data_dir, LONG) as host:
            assert running(host, session)["attempts"] == attempt
            host.kill()
    with hosting(data_dir, LONG) as host:
        (turn,) = host.ok("GET", f"/api/sessions/{session}/turns")
        assert (turn["status"], turn["reason"]) == ("interrupted", "host_died")
        assert turn["attempts"] == MOST_ATTEMPTS


def test_a_stop_halts_in_a_quarter_of_a_second(data_dir: Path) -> None:
    with hosting(data_dir, LONG) as host:
        session = slow_session(host)
        asker = ask(host, session)
        turn = running(host, session)
        began = time.monotonic()
        stopped = host.ok("POST", f"/api/sessions/{session}/stop")
        took = time.monotonic() - began
        assert stopped["stopped"] == [turn["id"]]
        assert [(each["kind"], each["name"]) for each in stopped["halted"]] == [("model", "slow/one")]
        assert [each["status"] for each in host.ok("GET", f"/api/sessions/{session}/turns")] == ["cancelled"]
        assert took <= 0.25
        asker.join(30)
