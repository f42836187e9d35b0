"""The data folder: ours alone, and open to nobody else."""

import os
import stat
from pathlib import Path

from clawft.errors import UsageError

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def prepare_folder(folder: Path, *, signs: tuple[str, ...]) -> None:
    """Make the folder if need be, and close it to others. ``signs``: files that show it to be one of ours.

    A folder that is open to others and holds something else is refused: closing it could break its use.
    """
    _make(folder)
    info = folder.stat()
    if info.st_uid != os.geteuid() and os.geteuid() != 0:
        raise UsageError(f"the data folder {folder} belongs to another user (uid {info.st_uid})")
    if stat.S_IMODE(info.st_mode) & 0o077:
        if not _ours(folder, signs):
            raise UsageError(f"{folder} is open to others and holds other things: choose an empty folder")
        folder.chmod(PRIVATE_FOLDER)


def private_file(path: Path) -> int:
    """A descriptor of the file, made if need be and closed to others whatever the umask is."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a plain file")
    os.fchmod(descriptor, PRIVATE_FILE)
    return descriptor


def make_private(path: Path) -> None:
    """The file exists afterwards and is closed to others; SQLite gives its -wal and -shm the same mode."""
    os.close(private_file(path))


def sync_folder(folder: Path) -> None:
    """Names made or changed in the folder are on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the data folder {folder}: {error.strerror}") from error


def _ours(folder: Path, signs: tuple[str, ...]) -> bool:
    names = {entry.name for entry in os.scandir(folder)}
    return not names or not names.isdisjoint(signs)
