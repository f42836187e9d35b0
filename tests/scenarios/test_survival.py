"""What a host promises about its own end: nothing acknowledged is lost, and it can always be stopped."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.scenarios.process import HostProcess, serving


def new_session(host: HostProcess) -> str:
    return str(host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"])


def test_everything_acknowledged_is_there_after_kill_9(data_dir: Path) -> None:
    with serving(data_dir) as host:
        session = new_session(host)
        answer = host.ok("POST", f"/api/sessions/{session}/messages", {"content": "Hello"})
        memory = host.ok("POST", "/api/memory", {"key": "colour", "value": "blue"})
        job = host.ok("POST", "/api/cron", {"name": "nightly", "schedule": "0 3 * * *", "enabled": True})
        host.ok("POST", "/api/agents/general-agent/stop")
        runs = host.ok("GET", "/api/monitoring/pipeline-runs")
        token = host.token
        host.kill()
    with serving(data_dir) as host:
        host.token = token  # it survives too
        messages = host.ok("GET", f"/api/sessions/{session}")["messages"]
        assert messages[-1] == answer
        assert host.ok("GET", "/api/memory") == [memory]
        assert [j["id"] for j in host.ok("GET", "/api/cron")] == [job["id"]]
        assert host.ok("GET", "/api/agents/general-agent")["status"] == "stopped"
        assert host.ok("GET", "/api/monitoring/pipeline-runs") == runs


def test_a_write_acknowledged_just_before_kill_9_is_there(data_dir: Path) -> None:
    acknowledged: list[str] = []

    def write_until_it_dies(host: HostProcess, writer: int) -> None:
        with suppress(OSError, HTTPException):
            for number in range(10_000):
                key = f"w{writer}-{number}"
                assert host.call("POST", "/api/memory", {"key": key, "value": "v"}).status == 200
                acknowledged.append(key)

    with serving(data_dir) as host:
        host.ok("GET", "/api/memory")  # the token is minted before the threads share it
        writers = [threading.Thread(target=write_until_it_dies, args=(host, n)) for n in range(4)]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 20
        while len(acknowledged) < 200 and time.monotonic() < deadline:
            time.sleep(0.005)
        host.process.kill()
        for writer in writers:
            writer.join(30)
    assert len(acknowledged) >= 200
    with serving(data_dir) as host:
        kept = {entry["key"] for entry in host.ok("GET", "/api/memory")}
    assert set(acknowledged) <= kept


def test_a_turn_cut_by_kill_9_is_marked_and_the_session_goes_on(data_dir: Path) -> None:
    with serving(data_dir) as host:
        session = new_session(host)
        stuck = register_a_tool_that_never_answers(host)
        asker = threading.Thread(target=ask_quietly, args=(host, session, f"Use the {stuck} tool with {{}}"))
        asker.start()
        await_open_turn(host, session)
        host.process.kill()
        asker.join(30)
    with serving(data_dir) as host:
        (turn,) = host.ok("GET", f"/api/sessions/{session}/turns")
        assert turn["status"] == "interrupted"
        assert turn["reason"] == "host_died"
        answer = host.ok("POST", f"/api/sessions/{session}/messages", {"content": "Still there?"})
        assert answer["role"] == "assistant"


def test_sigterm_ends_with_0_within_10_seconds_though_a_turn_runs(data_dir: Path) -> None:
    with serving(data_dir) as host:
        session = new_session(host)
        stuck = register_a_tool_that_never_answers(host)
        asker = threading.Thread(target=ask_quietly, args=(host, session, f"Use the {stuck} tool with {{}}"))
        asker.start()
        await_open_turn(host, session)
        began = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - began < 10
        asker.join(30)
    with serving(data_dir) as host:
        (turn,) = host.ok("GET", f"/api/sessions/{session}/turns")
        assert (turn["status"], turn["reason"]) in [
            ("interrupted", "host_stopped"),
            ("cancelled", "host_stopped"),
        ]


def test_an_idle_host_stops_in_a_moment(data_dir: Path) -> None:
    with serving(data_dir) as host:
        began = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - began < 5


def test_a_second_signal_ends_it_at_once(data_dir: Path) -> None:
    with serving(data_dir) as host:
        host.process.send_signal(signal.SIGSTOP)  # so that both signals are there before it looks
        host.process.send_signal(signal.SIGTERM)
        host.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        host.process.send_signal(signal.SIGCONT)
        assert host.process.wait(10) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        assert time.monotonic() - began < 3


def test_sigusr1_prints_every_actor_and_thread(data_dir: Path) -> None:
    with serving(data_dir) as host:
        host.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while (said := host.log.read_text()).count("restarts=") < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "Current thread" in said
        for path in ("sessions", "agents/general-agent", "tokens", "store"):
            assert f"\n{path} " in f"\n{said}"
        assert host.call("GET", "/api/health").status == 200


def test_a_second_process_on_the_same_folder_is_refused(data_dir: Path) -> None:
    with serving(data_dir) as host:
        command = [sys.executable, "-m", "clawft.cli", "serve", "--port", "0", "--data-dir", str(data_dir)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert second.returncode == 78
        assert str(host.process.pid) in second.stderr
        assert "Traceback" not in second.stderr
        assert host.call("GET", "/api/health").status == 200


def test_a_taken_port_is_said_in_a_sentence(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir) as host:
        command = [sys.executable, "-m", "clawft.cli", "serve", "--port", str(host.port)]
        second = subprocess.run(
            [*command, "--data-dir", str(tmp_path / "other")], capture_output=True, text=True, timeout=30
        )
        assert second.returncode == 1
        assert f"port {host.port} is taken" in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--allow-remote"]])
def test_listening_beyond_this_machine_needs_to_be_said_twice(data_dir: Path, options: list[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "clawft.cli",
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(data_dir),
        *options,
    ]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert refused.returncode == 78
    assert "clawft: " in refused.stderr


def test_the_data_folder_is_for_its_owner_only(data_dir: Path) -> None:
    with serving(data_dir) as host:
        host.ok("GET", "/api/agents")
        open_to_others = [path for path in (data_dir, *data_dir.rglob("*")) if path.stat().st_mode & 0o077]
    assert not open_to_others


def register_a_tool_that_never_answers(host: HostProcess) -> str:
    tool = {
        "name": "stuck",
        "description": "Never answers.",
        "parameters": {"type": "object"},
        "timeout": 600,
    }
    host.ok("POST", "/api/tools", tool)
    return "stuck"


def ask_quietly(host: HostProcess, session: str, content: str) -> None:
    with suppress(OSError, HTTPException, ValueError):
        host.call("POST", f"/api/sessions/{session}/messages", {"content": content}, timeout=60)


def await_open_turn(host: HostProcess, session: str) -> None:
    """Until the tool is being called: from then on the turn may have changed something."""
    path = f"/api/sessions/{session}/turns"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        turns = host.ok("GET", path)
        if [turn["status"] for turn in turns] == ["running"]:
            steps = host.ok("GET", f"{path}/{turns[0]['id']}").get("steps", [])
            if [step["status"] for step in steps if step["kind"] == "tool"] == ["running"]:
                return
        time.sleep(0.02)
    raise AssertionError("the turn did not begin")
