"""Tasks in the background, on a whole host: the parent hears of their end, once."""

import json
import time
from pathlib import Path
from typing import Any

from tests.scenarios.process import HostProcess, serving


def use(host: HostProcess, key: str, **arguments: Any) -> str:
    said = f"Use the delegate_task tool with {json.dumps(arguments)}"
    [call] = host.ok("POST", f"/api/sessions/{key}/messages", {"content": said})["tool_calls"]
    return str(call["result"])


def session(host: HostProcess) -> str:
    return str(host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"])


def told(host: HostProcess, key: str, words: str, within: float = 10.0) -> list[str]:
    """Messages to the session that speak of a task."""
    deadline = time.monotonic() + within
    found: list[str] = []
    while time.monotonic() < deadline:
        messages = host.ok("GET", f"/api/sessions/{key}")["messages"]
        found = [each["content"] for each in messages if each["content"].startswith("[The task")]
        if any(words in each for each in found):
            break
        time.sleep(0.05)
    return found


def test_the_end_of_a_task_reaches_its_parent_as_a_message(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        key = session(host)
        assert "general-agent works on it, as del-" in use(
            host, key, task="remember that tea is green", background=True
        )
        [message] = told(host, key, "is done")
        assert "remembered under the key" in message
        [entry] = host.ok("GET", "/api/delegation/history")["items"]
        assert entry["status"] == "completed"
        assert host.ok("GET", "/api/delegation/active") == []


def slow_agent(host: HostProcess) -> str:
    """An agent whose calls of tools wait for a person."""
    config = host.ok("GET", "/api/config")
    config["tools"] = {"policies": {"list_directory": "ask"}}
    host.ok("PUT", "/api/config", config)
    return 'Use the list_directory tool with {"path": "."}'


def await_approval(host: HostProcess) -> None:
    deadline = time.monotonic() + 10
    while not host.ok("GET", "/api/approvals?state=open"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_task_that_the_host_died_under_is_told_as_not_done_and_once(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        key, task = session(host), slow_agent(host)
        use(host, key, task=task, background=True)
        await_approval(host)
        assert [each["status"] for each in host.ok("GET", "/api/delegation/active")] == ["running"]
        host.kill()
    for _ in range(2):
        with serving(tmp_path / "data") as host:
            [message] = told(host, key, "was not done")
            assert "the host stopped while it ran" in message
            assert host.ok("GET", "/api/delegation/active") == []
            time.sleep(0.3)
            host.stop()


def test_stopping_the_parent_stops_what_it_has_handed_on(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        key, task = session(host), slow_agent(host)
        use(host, key, task=task, background=True)
        await_approval(host)
        child = next(each["key"] for each in host.ok("GET", "/api/sessions") if each["key"] != key)
        host.ok("POST", f"/api/sessions/{key}/stop")
        deadline = time.monotonic() + 5
        while host.ok("GET", "/api/delegation/active") and time.monotonic() < deadline:
            time.sleep(0.02)
        [entry] = host.ok("GET", "/api/delegation/history")["items"]
        assert entry["status"] == "failed"
        [turn] = host.ok("GET", f"/api/sessions/{child}/turns")
        assert turn["status"] == "cancelled"
        assert told(host, key, "nothing", within=0.5) == []


def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        key, task = session(host), slow_agent(host)
        results = [use(host, key, task=f"{task} ", background=True, kind=f"k{number}") for number in range(9)]
        assert all("works on it" in result for result in results[:8])
        assert "8 tasks of this session are under way" in results[8]
        host.ok("POST", f"/api/sessions/{key}/stop")
