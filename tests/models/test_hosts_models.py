"""A whole host whose models are at a provider: what a person gets when all is well, and when it is not."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.models.provider import KEY, Provider, provider
from tests.scenarios.process import HostProcess, serving


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    """A provider on a loop of its own, since the tests of this file block."""
    ready: list[Provider] = []
    up, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with provider() as made:
            ready.append(made)
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert up.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def host(there: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("models") / "data") as running:
        put_config(running, there)
        yield running


def put_config(host: HostProcess, there: Provider, **pipeline: Any) -> None:
    config = host.ok("GET", "/api/config")
    config["providers"] = {
        "acme": {"api_base": f"{there.url}/v1", "enabled": True, "api_key": KEY, "patience": 1.0},
        "claudes": {"api_base": there.url, "enabled": True, "type": "anthropic", "patience": 1.0},
        "down": {"api_base": "http://127.0.0.1:9/v1", "enabled": True},
    }
    config["pipeline"] = pipeline | {"booster": False}
    host.ok("PUT", "/api/config", config)


def agent(host: HostProcess, model: str) -> str:
    """A session with an agent that uses this model."""
    made = host.ok("POST", "/api/agents", {"name": model.replace("/", "-"), "model": model})
    return str(host.ok("POST", "/api/sessions", {"agent_id": made["id"]})["key"])


def say(host: HostProcess, key: str, content: str) -> tuple[int, Any]:
    answer = host.call("POST", f"/api/sessions/{key}/messages", {"content": content})
    return answer.status, answer.body


def last_turn(host: HostProcess, key: str) -> Any:
    turns = host.ok("GET", f"/api/sessions/{key}/turns")
    newest = max(turns, key=lambda turn: turn["created_at"])
    return host.ok("GET", f"/api/sessions/{key}/turns/{newest['id']}")


@pytest.mark.parametrize("model", ["acme/m", "claudes/m"])
def test_both_wire_formats_answer_and_call_tools(host: HostProcess, model: str) -> None:
    key = agent(host, model)
    status, answer = say(host, key, "hello")
    assert (status, answer["content"]) == (200, "you said hello")
    status, answer = say(host, key, 'call:write_file:{"path": "from.txt", "content": "abc"}')
    assert status == 200
    [call] = answer["tool_calls"]
    assert call["result"].endswith("from.txt (3 bytes)")
    turn = last_turn(host, key)
    assert turn["usage"]["input_tokens"] == 2000
    assert [step["kind"] for step in turn["steps"]] == ["model", "tool", "model"]


def test_a_key_is_sent_where_it_was_entered_for_and_shown_nowhere(host: HostProcess, there: Provider) -> None:
    assert KEY in there.keys
    shown = json.dumps([host.ok("GET", path) for path in ("/api/config", "/api/secrets", "/api/providers")])
    assert KEY not in shown
    assert '"api_key_set": true' in shown
    assert KEY not in host.log.read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("fault:401", "refuses the key"),
        ("fault:429", "is asked too often"),
        ("fault:500", "is in trouble"),
        ("fault:hang", "said nothing for 1 seconds"),
        ("fault:malformed", "cannot be understood"),
        ("fault:silent-end", "broke off before its end"),
    ],
)
def test_a_failure_is_told_and_kept_and_the_next_message_is_answered(
    there: Provider, tmp_path: Path, content: str, words: str
) -> None:
    with serving(tmp_path / "data") as host:
        put_config(host, there)
        key, other = agent(host, "acme/m"), agent(host, "claudes/m")
        began = time.monotonic()
        status, answer = say(host, key, content)
        assert (status, answer["error"]["code"]) == (502, "model_error")
        assert words in answer["error"]["message"]
        assert time.monotonic() - began < 10
        turn = last_turn(host, key)
        assert (turn["status"], turn["reason"]) == ("failed", "model_error")
        assert words in turn["error"]
        assert {step["status"] for step in turn["steps"]} == {"failed"}
        assert say(host, other, "hello")[0] == 200
        assert say(host, key, "hello")[0] == 200


def test_what_may_help_is_tried_again_and_each_try_is_told(host: HostProcess) -> None:
    key = agent(host, "acme/m")
    status, answer = say(host, key, "flaky:500:2:again")
    assert (status, answer["content"]) == (200, "you said flaky:500:2:again")
    steps = last_turn(host, key)["steps"]
    assert [(step["status"], step.get("reason")) for step in steps] == [
        ("failed", "unavailable"),
        ("failed", "unavailable"),
        ("done", None),
    ]


def test_the_next_model_is_asked_when_one_gives_no_answer(there: Provider, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        put_config(host, there, fallbacks=["down/m", "claudes/m", "offline/rules-1"])
        key = agent(host, "acme/m")
        status, answer = say(host, key, "fault:401")
        assert status == 200
        assert "offline/rules-1" in answer["content"]
        names = [step["name"] for step in last_turn(host, key)["steps"]]
        assert list(dict.fromkeys(names)) == ["acme/m", "down/m", "claudes/m", "offline/rules-1"]


def test_every_call_is_counted_and_no_unknown_one_is_free(there: Provider, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        put_config(host, there)
        key = agent(host, "acme/m")  # a key, so somebody may bill for it
        say(host, key, "hello")
        say(host, key, "fault:silent-end")
        usage = host.ok("GET", "/api/monitoring/token-usage")
        [row] = [row for row in usage["by_provider"] if row["provider"] == "acme"]
        assert row["request_count"] == 2
        costs = host.ok("GET", "/api/monitoring/costs")
        assert [(each["provider"], each["model"]) for each in costs["unpriced"]] == [("acme", "m")]
        free = agent(host, "claudes/m")  # no key, on a machine of one's own
        say(host, free, "hello")
        assert len(host.ok("GET", "/api/monitoring/costs")["unpriced"]) == 1


def test_other_sessions_do_not_notice_a_provider_that_hangs(there: Provider, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        put_config(host, there)
        hangs, well = agent(host, "acme/m"), agent(host, "claudes/m")
        say(host, well, "hello")  # the client is imported
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(say, host, hangs, "fault:hang")
            time.sleep(0.2)
            began = time.monotonic()
            assert say(host, well, "hello")[0] == 200
            assert time.monotonic() - began < 1.0
            stopped = host.ok("POST", f"/api/sessions/{hangs}/stop")
            assert stopped["halted"]
            assert hanging.result()[0] == 409


def test_a_key_is_set_listed_and_removed_on_the_command_line(host: HostProcess, there: Provider) -> None:
    env = {**os.environ, "CLAWFT_URL": host.url}

    def clawft(*args: str, said: str = "") -> str:
        command = [sys.executable, "-m", "clawft.cli", *args]
        done = subprocess.run(command, input=said, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    clawft("secret", "set", "claudes", said="sk-of-claudes-1\n")
    assert "claudes" in clawft("secret", "list")
    key = agent(host, "claudes/m")
    assert say(host, key, "hello")[0] == 200
    assert "sk-of-claudes-1" in there.keys
    clawft("secret", "rm", "claudes")
    assert "claudes" not in clawft("secret", "list")
    assert "acme" in clawft("providers")
    assert host.call("PUT", "/api/secrets/nowhere", {"key": "sk-1234567"}).status == 404
