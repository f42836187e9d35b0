"""The example scripts do what they say."""

import platform
import re
import subprocess
import sys
from pathlib import Path

from tests.scenarios.process import HostProcess

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def run(script: str, *arguments: str) -> str:
    return python(str(SCRIPTS / script), *arguments)


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_in_the_readme_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert python("-c", code).startswith("42\n")


def test_agents_are_spawned_in_a_process_of_their_own() -> None:
    said = run("spawn_agents.py")
    assert platform.python_version() in said
    assert "Friday" in said.rpartition("clerk: ")[2]


def test_agents_are_spawned_on_a_running_host(host: HostProcess) -> None:
    said = run("spawn_agents.py", host.url)
    assert platform.python_version() in said
    assert [agent["id"] for agent in host.ok("GET", "/api/agents")] == ["general-agent"]


def test_events_are_watched_as_they_happen(host: HostProcess) -> None:
    command = [sys.executable, str(SCRIPTS / "watch_events.py"), host.url, "14"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout
        assert watcher.stdout.readline().startswith("watching chat:message")
        session = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
        host.ok("POST", f"/api/sessions/{session}/messages", {"content": "hello"})
        said = watcher.stdout.read()
        assert watcher.wait(30) == 0
    # Two messages, and six stages that each begin and end.
    assert said.count("chat:message") == 2
    assert said.count("pipeline:stage") == 12
