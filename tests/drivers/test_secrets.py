"""Secrets on disk."""

import os
import stat
from pathlib import Path

import pytest

from clawft.domain.keys import ProviderKey
from clawft.drivers import atomic
from clawft.drivers.secrets import KeyFile, bootstrap_secret
from clawft.errors import UsageError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    secret = bootstrap_secret(tmp_path / "secret")
    assert secret.startswith("clawftb_")
    assert mode(tmp_path / "secret") == 0o600
    assert bootstrap_secret(tmp_path / "secret") == secret
    assert bootstrap_secret(tmp_path / "another") != secret


def test_a_secret_that_others_could_read_is_taken_from_them(tmp_path: Path) -> None:
    bootstrap_secret(tmp_path / "secret")
    (tmp_path / "secret").chmod(0o644)
    bootstrap_secret(tmp_path / "secret")
    assert mode(tmp_path / "secret") == 0o600


@pytest.mark.parametrize("content", ["", "password\n", "clawftb_short", "clawft_" + "a" * 44])
def test_a_file_without_a_secret_of_ours_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(UsageError, match="holds no secret"):
        bootstrap_secret(tmp_path / "secret")
    assert (tmp_path / "secret").read_text() == content


def test_a_link_in_place_of_a_secret_is_refused(tmp_path: Path) -> None:
    bootstrap_secret(tmp_path / "real")
    (tmp_path / "secret").symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="cannot be read"):
        bootstrap_secret(tmp_path / "secret")


def test_a_pipe_in_place_of_a_secret_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(UsageError, match="no regular file"):
        bootstrap_secret(tmp_path / "secret")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_of_another_user_is_refused(tmp_path: Path) -> None:
    bootstrap_secret(tmp_path / "secret")
    os.chown(tmp_path / "secret", 65534, -1)
    with pytest.raises(UsageError, match="belongs to user 65534"):
        bootstrap_secret(tmp_path / "secret")


def test_keys_come_back_as_they_were_saved(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "secrets.json")
    assert file.load() == {}
    keys = {"anthropic": ProviderKey("anthropic", "https://api.anthropic.com:443", "sk-1")}
    file.save(keys)
    assert file.load() == keys
    assert mode(tmp_path / "secrets.json") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_torn_key_file_is_refused_without_showing_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"anthropic": {"key": "sk-secret"}')
    with pytest.raises(UsageError) as refused:
        KeyFile(tmp_path / "secrets.json").load()
    assert "sk-secret" not in str(refused.value)


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic.write(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_what_a_crash_left_behind_does_not_stop_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half")
    atomic.write(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
