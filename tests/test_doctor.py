"""The doctor."""

import json
import socket
from pathlib import Path

import pytest

from clawft import doctor
from clawft.cli import main
from tests.scenarios.process import serving


def test_what_a_host_needs_is_here(tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in doctor.examine(tmp_path / "data", "http://127.0.0.1:9")}
    broken = [finding for finding in findings.values() if finding.verdict == "broken"]
    assert not broken
    assert {"python", "packages", "sqlite", "fts5", "data folder", "disk", "host", "voice"} <= findings.keys()
    assert not (tmp_path / "data").exists()


def test_what_is_missing_comes_with_a_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = doctor.program("bwrap", "the sandbox", package="bubblewrap")
    assert (finding.verdict, finding.hint) == ("limited", "apt-get install bubblewrap")


def test_a_folder_open_to_others_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    finding = doctor.folder(tmp_path)
    assert finding.verdict == "limited"
    assert "chmod 700" in finding.hint
    tmp_path.chmod(0o700)
    assert doctor.folder(tmp_path).verdict == "ok"


def test_a_file_where_the_folder_should_be_is_broken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert doctor.folder(tmp_path / "file").verdict == "broken"


def test_something_else_on_the_port_is_told_from_a_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finding = doctor.address(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert finding.verdict == "limited"


def test_a_running_host_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path / "data") as host:
        assert main(["doctor", "--data-dir", str(tmp_path / "data"), "--url", host.url, "--json"]) == 0
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["host"]["detail"] == f"runs at {host.url}: healthy"
    assert findings["data folder"]["verdict"] == "ok"


def test_a_config_that_cannot_be_used_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    assert doctor.configuration(tmp_path).verdict == "ok"
    (tmp_path / "config.json").write_text('{"gateway": {"api_port": "x"}}')
    finding = doctor.configuration(tmp_path)
    assert finding.verdict == "limited"
    assert "$.gateway.api_port" in finding.detail
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
