"""Files that are old or new and never in between, for their owner's eyes only."""

import os
import stat
from pathlib import Path

from clawft.errors import UsageError

PRIVATE = 0o600
LARGEST = 4 * 1024 * 1024
"""Bytes such a file may have."""


def write(path: Path, data: bytes) -> None:
    """Replace the file's content, durably. Raises OSError, and then the file is as it was."""
    # One actor writes a given file, so a fixed name is safe, and a crash leaves at most one of it behind.
    waiting = path.with_name(f".{path.name}.new")
    waiting.unlink(missing_ok=True)
    try:
        _write_through(waiting, data)
        waiting.replace(path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_through(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a rename in it outlast a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_secret(path: Path) -> bytes | None:
    """The file's content, or None where there is no such file. Others' right to read it is taken away first.

    Raises ``UsageError`` for a link, for what is no file, and for a file of another user.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        _take_care(path, descriptor)
        return file.read(LARGEST)


def _take_care(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is no regular file")
    if status.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to user {status.st_uid}, not to the one the host runs as")
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.fchmod(descriptor, PRIVATE)
