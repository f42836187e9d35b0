"""Against a public mock of the model APIs: both wire formats stream, call tools, retry and count.

It is an npm package. Where there is no Node 20 or no npm, ``provider.py`` alone stands in for providers.
"""

import fcntl
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.process import HostProcess, serving

PACKAGE = "@copilotkit/aimock@1.43.0"
CACHE = Path(sys.prefix) / "aimock"
"""Beside the packages of the tests: it goes when they go."""
FIXTURES = Path(__file__).parent / "aimock.json"


def node_is_new_enough() -> bool:
    if not shutil.which("node") or not shutil.which("npm"):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return said.startswith("v") and tuple(map(int, said[1:].split(".")[:2])) >= (20, 15)


def installed() -> Path:
    """The program, fetched once."""
    program = CACHE / "node_modules" / ".bin" / "llmock"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(CACHE),
                PACKAGE,
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr[-200:]}")
    return program


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not node_is_new_enough():
        pytest.skip("the public mock needs Node 20.15 or newer, with npm")
    port = free_port()
    log = tmp_path_factory.mktemp("aimock") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [installed(), "-p", str(port), "-f", FIXTURES, "--strict", "--log-level", "warn"],
            stdout=out,
            stderr=out,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await_health(f"{url}/health", log)
            yield url
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_health(url: str, log: Path) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the mock did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def host(mock: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("aimock-host") / "data") as running:
        config = running.ok("GET", "/api/config")
        config["providers"] = {
            "openai": {"api_base": f"{mock}/v1", "enabled": True, "api_key": "sk-openai-test"},
            "anthropic": {"api_base": mock, "enabled": True, "api_key": "sk-ant-test"},
            "keyless": {"api_base": f"{mock}/v1", "enabled": True},
        }
        running.ok("PUT", "/api/config", config)
        yield running


MODELS = ["gpt-4o", "claude-sonnet-4-5", "keyless/llama"]


def session(host: HostProcess, model: str) -> str:
    made = host.ok("POST", "/api/agents", {"name": f"mock-{model.replace('/', '-')}", "model": model})
    return str(host.ok("POST", "/api/sessions", {"agent_id": made["id"]})["key"])


def say(host: HostProcess, key: str, content: str) -> Any:
    return host.ok("POST", f"/api/sessions/{key}/messages", {"content": content})


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_a_tool_and_a_second_try(host: HostProcess, model: str) -> None:
    key = session(host, model)
    assert say(host, key, "hello")["content"] == "Hello! This answer is longer than one chunk."
    answer = say(host, key, "what is the weather?")
    assert answer["content"] == "It is 21 C and sunny in Paris."
    assert [call["name"] for call in answer["tool_calls"]] == ["list_directory"]
    assert say(host, session(host, model), f"ratelimit for {model}")["content"] == "after the second try"


def test_what_was_used_is_counted_and_priced(host: HostProcess) -> None:
    for model in MODELS:
        say(host, session(host, model), "hello")
    usage = host.ok("GET", "/api/monitoring/token-usage")
    rows = {row["provider"]: row for row in usage["by_provider"]}
    assert all(rows[name]["input_tokens"] >= 321 for name in ("openai", "anthropic", "keyless"))
    costs = {row["provider"]: row for row in host.ok("GET", "/api/monitoring/costs")["by_provider"]}
    assert costs["openai"]["total_cost_usd"] > 0
    assert costs["anthropic"]["total_cost_usd"] > 0
    assert costs["keyless"]["total_cost_usd"] == 0
