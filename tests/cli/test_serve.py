"""`clawft serve`, up to the point where it listens."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from clawft.folders import data_folder
from tests.scenarios.process import serving

LATER = ("numpy", "rich", "sounddevice", "cronsim", "structlog", "playwright", "click.testing")
"""What a start need not wait for."""


def test_nothing_is_imported_that_a_start_does_not_need() -> None:
    code = f"import sys, clawft.cli.serve; print([name for name in {LATER} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_limit_on_open_files_is_raised(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        with serving(tmp_path / "data") as host:
            raised, _ = resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised == (65_536 if hard == resource.RLIM_INFINITY else min(65_536, hard))


def test_the_folder_comes_from_the_environment_when_none_is_given(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAWFT_HOME", str(tmp_path / "home"))
        assert data_folder() == tmp_path / "home"
        assert data_folder(tmp_path / "given") == tmp_path / "given"
        patch.delenv("CLAWFT_HOME")
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        assert data_folder() == tmp_path / "state" / "clawft"


def test_a_configuration_that_is_no_json_does_not_keep_the_host_from_starting(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "config.json").write_text("{ not json")
    with serving(data) as host:
        health = host.ok("GET", "/api/health")
        assert health["status"] == "degraded"
        assert "config" in " ".join(health["reasons"])
        assert (data / "config.json").read_text() == "{ not json"
