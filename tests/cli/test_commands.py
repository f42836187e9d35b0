"""The commands, against a running host."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawft.cli import COMMANDS, main
from tests.scenarios.process import HostProcess, serving


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("cli") / "data") as running:
        yield running


class Shell:
    """Runs commands on a host, as `main` would be called."""

    def __init__(self, host: HostProcess, captured: pytest.CaptureFixture[str]) -> None:
        host.ok("GET", "/api/agents")
        self._options = ["--url", host.url, "--token", host.token]
        self._captured = captured

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints, on standard output, or on standard error when it fails."""
        self._captured.readouterr()
        assert main([*words, *self._options]) == code, self._captured.readouterr()
        written = self._captured.readouterr()
        return written.err if code else written.out

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def shell(host: HostProcess, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(host, capsys)


def test_agents_are_listed_shown_stopped_and_started(shell: Shell) -> None:
    assert "general-agent" in shell.run("agents", "list")
    assert [agent["status"] for agent in shell.json("agents", "list")] == ["running"]
    assert shell.run("agents", "stop", "general-agent") == "general-agent is stopped\n"
    assert shell.json("agents", "show", "general-agent")["status"] == "stopped"
    assert shell.run("agents", "start", "general-agent") == "general-agent runs\n"


def test_a_turn_tells_its_steps(shell: Shell) -> None:
    key = shell.run("sessions", "new").strip()
    assert shell.run("sessions", "turns", key) == "no turns\n"
    assert shell.run("sessions", "send", key, "Count the words: a b", "--mode", "interrupt") == "2 words\n"
    (turn,) = shell.json("sessions", "turns", key)
    assert (turn["status"], turn["mode"]) == ("done", "interrupt")
    assert "answered" in shell.run("sessions", "turns", key)
    assert "transform" in shell.run("sessions", "turns", key, turn["id"])
    assert [step["name"] for step in shell.json("sessions", "turns", key, turn["id"])["steps"]] == ["count"]
    assert shell.run("sessions", "stop", key, "--after-step") == "0 turns stopped\n"


def test_a_session_is_made_spoken_in_read_and_deleted(shell: Shell) -> None:
    key = shell.run("sessions", "new").strip()
    answer = shell.json("sessions", "send", key, "hello")
    shown = shell.run("sessions", "show", key)
    assert "user" in shown
    assert answer["content"] in shown
    assert shell.json("sessions", "export", key)["messages"][-1] == answer
    assert key in shell.run("sessions", "list")
    assert shell.run("sessions", "stop", key) == "0 turns stopped\n"
    assert "gone" in shell.run("sessions", "delete", key, "--yes")
    assert "no session" in shell.run("sessions", "show", key, code=1)


def test_memory_is_added_found_and_forgotten(shell: Shell) -> None:
    shell.run("memory", "add", "deploy-day", "Friday [sic]", "--tag", "deploy", "--namespace", "work")
    assert "Friday [sic]" in shell.run("memory", "list", "--namespace", "work")
    (found,) = shell.json("memory", "search", "deploy", "--threshold", "0.8")
    assert found["tags"] == ["deploy"]
    shell.run("memory", "rm", "deploy-day")
    assert shell.run("memory", "list") == "nothing is remembered\n"


def test_a_cron_job_is_added_run_and_removed(shell: Shell) -> None:
    job = shell.run(
        "cron", "add", "tea", "every day at 16:00", "Time for tea", "--timezone", "Europe/London"
    ).strip()
    (listed,) = shell.json("cron", "list")
    assert (listed["id"], listed["timezone"], listed["payload"]) == (job, "Europe/London", "Time for tea")
    shown = shell.run("cron", "show", job)
    assert "At 16:00 every day (Europe/London)" in shown
    assert shown.count(" UTC   ") == 5
    assert shell.run("cron", "runs", job) == "no runs\n"
    shell.run("cron", "run", job)
    assert shell.json("cron", "runs", job)["total"] == 1
    shell.run("cron", "rm", job)
    assert shell.run("cron", "list") == "no jobs\n"
    assert "schedule" in shell.run("cron", "add", "bad", "whenever", code=1)


def test_a_cron_schedule_is_previewed(shell: Shell) -> None:
    shown = shell.run("cron", "preview", "every monday at 10:30", "--timezone", "Asia/Kolkata").splitlines()
    assert shown[0] == "At 10:30 on Monday (Asia/Kolkata)"
    assert len(shown) == 6
    assert shown[1].split("UTC")[0].endswith("05:00:00 ")
    assert shown[1].endswith("10:30:00+05:30")
    assert shell.run("cron", "preview", "once at 2020-01-01T00:00").splitlines()[1] == "never again"


def test_a_cron_job_is_given_a_policy(shell: Shell) -> None:
    job = shell.json(
        "cron", "add", "tea", "@hourly", "--policy", "missed=all", "--policy", "jitter=30", "--disabled"
    )
    assert (job["policy"]["missed"], job["policy"]["jitter"], job["policy"]["overlap"]) == ("all", 30, "skip")
    shell.run("cron", "rm", job["id"])
    assert "'mised=all'" in shell.run("cron", "add", "tea", "@hourly", "--policy", "mised=all", code=1)
    assert "$.jitter" in shell.run("cron", "add", "tea", "@hourly", "--policy", "jitter=-1", code=1)


def test_the_outbox_is_empty_and_its_keys_are_shown(shell: Shell) -> None:
    assert shell.run("outbox", "list") == "nothing to deliver\n"
    assert shell.run("outbox", "key", "hook").startswith("whsec_")
    assert "no delivery has the id dlv-0" in shell.run("outbox", "resend", "dlv-0", code=1)


def test_a_token_is_made_listed_and_revoked(shell: Shell, host: HostProcess) -> None:
    token = shell.run("token", "create", "--scope", "read", "--hours", "1", "--name", "reader").strip()
    assert host.call("GET", "/api/agents", token=token).status == 200
    assert host.call("POST", "/api/agents/general-agent/start", token=token).status == 403
    (listed,) = [row for row in shell.json("token", "list") if row["label"] == "reader"]
    assert listed["scopes"] == ["read"]
    shell.run("token", "revoke", listed["id"])
    assert host.call("GET", "/api/agents", token=token).status == 401


def test_the_configuration_goes_out_and_in_again(shell: Shell, tmp_path: Path) -> None:
    config = json.loads(shell.run("config", "get"))
    config["agents"]["defaults"]["temperature"] = 0.2
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert "replaced" in shell.run("config", "set", str(file))
    assert json.loads(shell.run("config", "get"))["agents"]["defaults"]["temperature"] == 0.2
    file.write_text(json.dumps({**config, "surprise": 1}))
    assert "surprise" in shell.run("config", "set", str(file), code=1)
    file.write_text("{")
    assert "not JSON" in shell.run("config", "set", str(file), code=1)


def test_a_skill_is_found_installed_and_removed(shell: Shell) -> None:
    found = shell.json("skills", "search", "deploy")[0]
    shell.run("skills", "install", found["id"])
    assert found["name"] in shell.run("skills", "list")
    shell.run("skills", "rm", found["name"])
    assert shell.run("skills", "list") == "no skills are installed\n"


def test_the_live_actors_are_shown(shell: Shell) -> None:
    assert "agents/general-agent" in shell.run("actors", "list")
    assert {"sessions", "tokens"} <= {actor["path"] for actor in shell.json("actors", "list")}
    assert shell.json("dead-letters", "list")["total"] >= 0
    assert shell.run("actors", "restart", "no-such-actor", code=1).startswith("clawft: ")


def test_brackets_and_escapes_in_data_do_not_reach_the_terminal_as_markup(shell: Shell) -> None:
    shell.run("memory", "add", "odd", "[bold]x[/bold]\x1b[31m")
    listed = shell.run("memory", "list")
    assert "[bold]x[/bold]" in listed
    assert "\x1b" not in listed
    shell.run("memory", "rm", "odd")


def test_nobody_at_the_address_exits_with_69(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "list", "--url", "http://127.0.0.1:9"]) == 69
    assert capsys.readouterr().err.startswith("clawft: no host answers at http://127.0.0.1:9")


def test_a_wrong_token_exits_with_77(host: HostProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "list", "--url", host.url, "--token", "clawft_wrong"]) == 77
    assert capsys.readouterr().err.startswith("clawft: ")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["agents", "show"], ["memory", "search", "x", "--threshold", "7"]]
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: clawft " + command in capsys.readouterr().out


def test_help_of_all_commands_imports_none_of_them() -> None:
    code = "import sys; from clawft.cli import main; main(['--help']); print('tornado' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "False"
