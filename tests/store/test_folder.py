"""The data folder and its lock."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawft.errors import UsageError
from clawft.runtime import System
from clawft.store import Store
from clawft.store.folder import make_private, prepare_folder
from clawft.store.lock import FolderLock
from clawft.store.tables import SettingRow

SIGNS = ("lock", "clawft.db")


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_umask")
def test_everything_in_the_folder_is_private_whatever_the_umask(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    store = Store.open(system, folder)
    store.write(lambda: SettingRow.insert(key="a", value=1).execute()).get(timeout=10)
    assert mode(folder) == 0o700
    modes = {file.name: mode(file) for file in folder.iterdir() if file.is_file()}
    assert modes == dict.fromkeys(("clawft.db", "clawft.db-wal", "clawft.db-shm", "lock"), 0o600)
    store.close()


def test_a_folder_of_ours_that_was_opened_to_others_is_closed_again(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    Store.open(system, folder).close()
    folder.chmod(0o755)
    (folder / "clawft.db").chmod(0o644)
    prepare_folder(folder, signs=SIGNS)
    make_private(folder / "clawft.db")
    assert mode(folder) == 0o700
    assert mode(folder / "clawft.db") == 0o600


def test_a_shared_folder_with_other_things_in_it_is_refused_and_stays_shared(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError, match="choose an empty folder"):
        prepare_folder(tmp_path, signs=SIGNS)
    assert mode(tmp_path) == 0o755


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make the data folder .*file/data: Not a directory"):
        prepare_folder(tmp_path / "file" / "data", signs=SIGNS)


def test_a_link_in_the_place_of_the_database_is_not_followed(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    elsewhere.chmod(0o644)
    (folder / "clawft.db").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="cannot open"):
        Store.open(system, folder)
    assert mode(elsewhere) == 0o644
    FolderLock(folder).release()  # nobody holds it


def test_a_locked_folder_is_refused_naming_who_holds_it(tmp_path: Path) -> None:
    held = FolderLock(tmp_path)
    with pytest.raises(UsageError, match=rf"in use by process {os.getpid()}: stop it"):
        FolderLock(tmp_path)
    held.release()
    FolderLock(tmp_path).release()


def test_a_lock_left_by_a_dead_process_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194305\n")
    held = FolderLock(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    held.release()


def test_a_store_that_could_not_be_opened_lets_the_folder_go(system: System, tmp_path: Path) -> None:
    (tmp_path / "clawft.db").write_bytes(b"not a database" * 100)
    tmp_path.chmod(0o700)
    with pytest.raises(UsageError):
        Store.open(system, tmp_path)
    FolderLock(tmp_path).release()
