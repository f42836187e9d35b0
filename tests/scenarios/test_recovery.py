"""Recovery on a whole host: safe mode, backup and restore, what is forgotten, and who did what."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.process import HostProcess, serving


def say(host: HostProcess, content: str, key: str = "") -> tuple[str, Any]:
    key = key or host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    return key, host.ok("POST", f"/api/sessions/{key}/messages", {"content": content})


def clawft(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clawft.cli", *args]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


def limit(folder: Path, **limits: Any) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"limits": limits}))


# -- safe mode


def test_a_host_that_dies_again_and_again_comes_up_in_safe_mode(data_dir: Path) -> None:
    limit(data_dir, crashes=3)
    with serving(data_dir) as host:
        host.ok("POST", "/api/cron", {"name": "often", "schedule": "every minute", "payload": "hi"})
    for _ in range(2):  # serving ends with kill -9, as the first did
        with serving(data_dir) as host:
            assert not host.ok("GET", "/api/health")["safe_mode"]
    with serving(data_dir) as host:
        health = host.ok("GET", "/api/health")
        assert health["safe_mode"]
        assert health["status"] == "degraded"
        assert any("the host died 3 times in 10 minutes" in reason for reason in health["reasons"])
        assert "safe mode" in page(host)
        assert host.ok("GET", "/api/cron")[0]["status"] == "idle"
        assert "offline/rules-1" in say(host, "hello")[1]["content"]
        assert host.stop() == 0
    with serving(data_dir) as host:
        assert not host.ok("GET", "/api/health")["safe_mode"]
        assert "safe mode" not in page(host)


def page(host: HostProcess) -> str:
    from urllib.request import urlopen

    with urlopen(host.url, timeout=10) as answer:
        return str(answer.read().decode())


def test_safe_mode_resumes_nothing_and_fires_nothing(data_dir: Path) -> None:
    config = {"tools": {"policies": {"list_directory": "ask"}}}
    with serving(data_dir) as host:
        host.ok("PUT", "/api/config", {**host.ok("GET", "/api/config"), **config})
        key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
        said = {"content": 'Use the list_directory tool with {"path": "."}'}
        with pytest.raises(OSError, match="timed out"):
            host.call("POST", f"/api/sessions/{key}/messages", said, timeout=1.5, X_Request_Id="req-1")
    with serving(data_dir, "--safe-mode", "on") as host:
        turns = host.ok("GET", f"/api/sessions/{key}/turns")
        assert [turn["status"] for turn in turns] == ["interrupted"]
        assert any("safe mode, as asked" in reason for reason in host.ok("GET", "/api/health")["reasons"])


# -- backup and restore


def test_a_backup_of_a_live_host_is_brought_back(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    with serving(data_dir) as host:
        key, _ = say(host, "remember that tea is green")
        (data_dir / "workspace" / "note.txt").write_text("kept")
        made = clawft("backup", str(file), "--data-dir", str(data_dir))
        assert made.returncode == 0, made.stderr
        assert file.stat().st_mode & 0o077 == 0
        say(host, "remember that coffee is black", key)
        (data_dir / "workspace" / "note.txt").write_text("changed")
        laid = clawft("restore", str(file), "--data-dir", str(data_dir), "--yes")
        assert "takes it when it is started again" in laid.stdout
        assert len(host.ok("GET", f"/api/sessions/{key}")["messages"]) == 4  # nothing has changed under it
        host.stop()
    with serving(data_dir) as host:
        assert len(host.ok("GET", f"/api/sessions/{key}")["messages"]) == 2
        assert (data_dir / "workspace" / "note.txt").read_text() == "kept"
        [aside] = (data_dir / "before-restore").iterdir()
        assert (aside / "workspace" / "note.txt").read_text() == "changed"
        with closing(sqlite3.connect(aside / "clawft.db")) as old:
            assert old.execute("SELECT count(*) FROM messages WHERE session_key = ?", (key,)).fetchone() == (
                4,
            )


def test_a_backup_is_brought_back_into_an_empty_folder(data_dir: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "backup.tar.gz", tmp_path / "other"
    with serving(data_dir) as host:
        key, _ = say(host, "hello")
        token = host.token
        assert clawft("backup", str(file), "--data-dir", str(data_dir)).returncode == 0
    assert "is in place" in clawft("restore", str(file), "--data-dir", str(other)).stdout
    with serving(other) as host:
        host.token = token
        assert len(host.ok("GET", f"/api/sessions/{key}")["messages"]) == 2


def test_a_backup_that_is_not_whole_changes_nothing(data_dir: Path, tmp_path: Path) -> None:
    file, bad = tmp_path / "backup.tar.gz", tmp_path / "bad.tar.gz"
    with serving(data_dir) as host:
        say(host, "hello")
        clawft("backup", str(file), "--data-dir", str(data_dir))
        host.stop()
    before = (data_dir / "clawft.db").read_bytes()
    bad.write_bytes(file.read_bytes()[:-2000])
    assert "not a whole one" in clawft("restore", str(bad), "--data-dir", str(data_dir), "-y").stderr
    unpacked = tmp_path / "unpacked"
    with tarfile.open(file) as archive:
        archive.extractall(unpacked, filter="data")
    (unpacked / "secret").write_text("another")
    with tarfile.open(bad, "w:gz") as archive:
        for path in unpacked.rglob("*"):
            archive.add(path, path.relative_to(unpacked).as_posix(), recursive=False)
    done = clawft("restore", str(bad), "--data-dir", str(data_dir), "-y")
    assert done.returncode != 0
    assert "secret in" in done.stderr
    assert (data_dir / "clawft.db").read_bytes() == before
    assert not (data_dir / "restore.pending").exists()


# -- who did what


def test_who_did_what_is_remembered_and_tampering_found(data_dir: Path) -> None:
    with serving(data_dir) as host:
        job = host.ok("POST", "/api/cron", {"name": "j", "schedule": "@daily"})["id"]
        host.ok("DELETE", f"/api/cron/{job}")
        say(host, "what is said is nobody's business")
        page = host.ok("GET", "/api/audit")
        actions = [entry["action"] for entry in reversed(page["items"])]
        assert actions == ["POST /api/auth/token", "POST /api/cron", f"DELETE /api/cron/{job}"]
        assert page["items"][0]["actor"].startswith("token ")
        report = host.ok("GET", "/api/audit/verify")
        assert (report["ok"], report["entries"]) == (True, 3)
        shown = clawft("audit", "verify", CLAWFT_URL=host.url, CLAWFT_TOKEN=host.token)
        assert "3 entries, whole" in shown.stdout
    update = "UPDATE audit SET action = 'nothing' WHERE seq = 2"
    with closing(sqlite3.connect(data_dir / "clawft.db")) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            raw.execute(update)
        raw.execute("DROP TRIGGER audit_is_only_added_to")
        raw.execute(update)
        raw.commit()
    assert broken(data_dir) == "entry 2 is not as it was written"
    for statement in ("DELETE FROM audit WHERE seq = 2", "DELETE FROM audit WHERE seq >= 2"):
        with closing(sqlite3.connect(data_dir / "clawft.db")) as raw, raw:
            raw.execute(statement)
        assert broken(data_dir) == "entry 2 is missing"


def broken(data_dir: Path) -> str:
    with serving(data_dir) as host:
        report = host.ok("GET", "/api/audit/verify")
        assert not report["ok"]
        return str(report["trouble"])


# -- memory


def test_new_work_is_refused_when_memory_is_short_and_taken_again_after(data_dir: Path) -> None:
    limit(data_dir, memory_mb=1)
    with serving(data_dir) as host:
        key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
        deadline = time.monotonic() + 15
        answer = host.call("POST", f"/api/sessions/{key}/messages", {"content": "hello"})
        while answer.status == 200 and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = host.call("POST", f"/api/sessions/{key}/messages", {"content": "hello"})
        assert answer.status == 503
        assert answer.headers["retry-after"]
        time.sleep(0.1)
        health = host.ok("GET", "/api/health")
        assert any("new work is refused" in reason for reason in health["reasons"])
        assert host.ok("GET", "/api/sessions")


# -- systemd


def test_systemd_is_told(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with serving(data_dir) as host:
            told = [listener.recv(100) for _ in range(4)]
            assert told == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            host.process.terminate()
            while told[-1] != b"STOPPING=1":
                told.append(listener.recv(100))
            assert host.process.wait(10) == 0


def test_a_unit_is_written_and_removed(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": str(tmp_path)}
    made = clawft("service", "install", "--data-dir", "/srv/claw ft", "--", "--port", "18790", **env)
    assert made.returncode == 0, made.stderr
    path = tmp_path / "systemd" / "user" / "clawft.service"
    text = path.read_text()
    assert "Type=notify" in text
    assert "serve --data-dir '/srv/claw ft' --port 18790" in text
    assert "is there" in clawft("service", "status", **env).stdout
    assert clawft("service", "uninstall", **env).returncode == 0
    assert not path.exists()
    shown = clawft("service", "install", "--system", "--print").stdout
    assert "User=clawft" in shown
    assert "ReadWritePaths=/var/lib/clawft" in shown


def test_a_line_of_json_is_a_line_of_json(data_dir: Path) -> None:
    with serving(data_dir, "--log-format", "json") as host:
        host.stop()
        lines = [line for line in host.log.read_text().splitlines() if line.startswith("{")]
        assert [json.loads(line)["level"] for line in lines]
