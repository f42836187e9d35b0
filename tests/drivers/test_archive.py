"""Archives: what is kept, and a restore that dies at any moment."""

import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clawft.drivers.archive import ASIDE, DATABASE, PENDING, make, take_pending, unpack


class Died(BaseException):
    """As if by kill -9."""


def fill(folder: Path, word: str) -> None:
    folder.mkdir(mode=0o700, parents=True)
    with closing(sqlite3.connect(folder / DATABASE)) as raw:
        raw.execute("CREATE TABLE words (word)")
        raw.execute("INSERT INTO words VALUES (?)", (word,))
        raw.commit()
    (folder / "config.json").write_text(word)
    for name in ("agents", "wake", "wake/speech", "workspace"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(word)


def content(folder: Path) -> dict[str, str]:
    """The words in it, by name."""
    found = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(DATABASE)
    }
    if (folder / DATABASE).exists():
        with closing(sqlite3.connect(folder / DATABASE)) as raw:
            found[DATABASE] = raw.execute("SELECT word FROM words").fetchone()[0]
    return found


def laid_ready(tmp_path: Path) -> Path:
    """A folder with old things, and a backup of new ones ready beside them."""
    fill(tmp_path / "other", "new")
    make(tmp_path / "other", tmp_path / "backup", workspace=True, version="1")
    data = tmp_path / "data"
    fill(data, "old")
    (data / "secret").write_text("old")  # of which the backup has none
    unpack(tmp_path / "backup", data, newest=99)
    return data


def settled(data: Path) -> None:
    """All that is there is new, and all that was there is aside."""
    (aside,) = (data / ASIDE).iterdir()
    assert not (data / PENDING).exists()
    kept = {name: word for name, word in content(data).items() if not name.startswith(ASIDE)}
    assert set(kept.values()) == {"new"}
    assert set(kept) == {DATABASE, "config.json", "agents/file", "wake/file", "workspace/file"}
    was = content(aside)
    assert set(was.values()) == {"old"}
    assert set(was) == {*kept, "secret", "wake/speech/file"}


def test_a_restore_takes_the_place_of_what_is_there_and_loses_nothing(tmp_path: Path) -> None:
    data = laid_ready(tmp_path)
    assert take_pending(data) is not None
    settled(data)
    assert take_pending(data) is None


def test_a_restore_that_dies_at_any_step_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before and after each change it makes to the disk, and again in the middle of the next try."""
    rename, replace = Path.rename, Path.replace
    for dies_at in range(100):
        data = laid_ready(tmp_path / str(dies_at))
        left = {"steps": dies_at}

        def step(real: Any, path: Path, target: Path, left: dict[str, int] = left) -> Any:
            if left["steps"] == 0:
                raise Died
            left["steps"] -= 1
            return real(path, target)

        monkeypatch.setattr(Path, "rename", lambda path, target, step=step: step(rename, path, target))
        monkeypatch.setattr(Path, "replace", lambda path, target, step=step: step(replace, path, target))
        died = False
        while True:
            try:
                take_pending(data)
                break
            except Died:
                died = True
                left["steps"] = 1  # every later try gets one step further, and dies too
        monkeypatch.undo()
        settled(data)
        if not died:
            assert dies_at > 8
            return
    pytest.fail("it never came to an end")


def test_what_can_be_made_again_is_not_kept(tmp_path: Path) -> None:
    fill(tmp_path / "data", "new")
    os.symlink("/etc/passwd", tmp_path / "data" / "agents" / "link")
    make(tmp_path / "data", tmp_path / "backup", workspace=False, version="1")
    with tarfile.open(tmp_path / "backup") as archive:
        names = set(archive.getnames())
    assert names == {DATABASE, "config.json", "agents/file", "wake/file", "manifest.json"}
