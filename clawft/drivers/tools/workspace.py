"""The workspace: the one folder whose files agents may read and change."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from clawft.drivers.tools.openat2 import Opener, opener
from clawft.errors import ClawftError, Conflict, Invalid, NotFound, StorageFull, TooLarge, Unavailable

MAX_READ = 1024 * 1024
"""Bytes one read gives."""

MAX_SCAN = 64 * 1024 * 1024
"""Bytes a file may have for a part of it to be read."""

MAX_WRITE = 4 * 1024 * 1024
"""Bytes a file may have after a write."""

MAX_ENTRIES = 1000
"""Names one listing gives."""

_READ = os.O_RDONLY | os.O_NONBLOCK  # without O_NONBLOCK a FIFO would hold the thread until somebody writes
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Entry(NamedTuple):
    """One name in a folder."""

    name: str
    kind: str
    """file, folder, link or other."""
    size: int


class Workspace:
    """Files beneath ``root``, and nothing else: no ``..``, no links, no devices, no file with a second name.

    Holds against somebody who changes the folder at the same time. Every method blocks: run them on
    a pool thread. Errors are ``ClawftError`` and name the path as it was given, never where the workspace is.
    """

    def __init__(self, root: Path, open_beneath: Opener | None = None) -> None:
        self._root = root
        self._open = open_beneath or opener()
        # Two edits of one file must not both start from the old text.
        self._changing = Lock()

    def read(self, path: str) -> bytes:
        """A whole file of at most ``MAX_READ`` bytes."""
        return self._read(path, MAX_READ, "a read gives at most {:,}: ask for some lines")

    def read_lines(self, path: str, first: int, count: int) -> bytes:
        """``count`` lines from the ``first`` (counted from 1) on, ``MAX_READ`` bytes of them at most."""
        with self._file(path) as (file, size):
            if size > MAX_SCAN:
                raise TooLarge(f"{path} has {size:,} bytes; parts can be read of files up to {MAX_SCAN:,}")
            _skip_lines(file, first - 1)
            return _some_lines(file, count)

    def write(self, path: str, data: bytes) -> bool:
        """Put ``data`` there, whole or not at all, making folders on the way; True if the file is new."""
        with self._changing:
            return self._write(path, data)

    def edit(self, path: str, old: bytes, new: bytes, *, every: bool) -> int:
        """Replace ``old``, which must occur once unless ``every``; the answer is how often it did."""
        with self._changing:
            before = self._read(path, MAX_WRITE, "files of up to {:,} can be edited")
            found = before.count(old)
            if not found:
                raise NotFound(f"{path} does not contain the text to replace")
            if found > 1 and not every:
                raise Conflict(f"{path} contains the text {found} times; quote more around it, or set all")
            # Before it is made: a short text in many places replaced by a long one would fill the memory.
            _check_room(path, len(before) + found * (len(new) - len(old)))
            self._write(path, before.replace(old, new))
            return found

    def list(self, path: str) -> tuple[list[Entry], int]:
        """The first ``MAX_ENTRIES`` names of a folder in order, and how many there are."""
        with self._folder(path) as folder, os.scandir(folder) as found:
            names = sorted(found, key=lambda entry: entry.name)
            return [_entry(each) for each in names[:MAX_ENTRIES]], len(names)

    def _read(self, path: str, most: int, limit: str) -> bytes:
        with self._file(path) as (file, size):
            if size <= most:
                data = file.read(most + 1)
                size = len(data)  # it may grow as it is read
        if size > most:
            raise TooLarge(f"{path} has {size:,} bytes; {limit.format(most)}")
        return data

    @contextmanager
    def _file(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        with self._beneath(path) as (root, relative):
            opened = self._open(root, relative, _READ, 0)
            with open(opened, "rb") as file:
                yield file, _size_of_regular(path, os.fstat(opened))

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        with self._beneath(path) as (root, relative):
            folder = self._open(root, relative, _FOLDER, 0)
            try:
                yield folder
            finally:
                os.close(folder)

    @contextmanager
    def _beneath(self, path: str) -> Iterator[tuple[int, str]]:
        """The open root and the path within it; what goes wrong inside comes out in our words."""
        relative = _relative(path)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = os.open(self._root, _FOLDER)
            try:
                yield root, relative
            finally:
                os.close(root)
        except OSError as error:
            raise _explained(error, path) from error

    def _write(self, path: str, data: bytes) -> bool:
        _check_room(path, len(data))
        with self._beneath(path) as (root, relative):
            parent, _, name = relative.rpartition("/")
            if name == "." or path.endswith("/"):
                raise Invalid(f"{path or '.'} is a folder", path="$.path")
            folder = self._make_folders(root, parent)
            try:
                return _replace(folder, name, data, path)
            finally:
                os.close(folder)

    def _make_folders(self, root: int, parent: str) -> int:
        here = os.dup(root)
        try:
            for part in filter(None, parent.split("/")):
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=here)
                below = self._open(here, part, _FOLDER, 0)
                os.close(here)
                here = below
        except BaseException:
            os.close(here)
            raise
        return here


def _relative(path: str) -> str:
    if "\0" in path or len(path) > 4096:
        raise Invalid("a path has at most 4,096 characters and no NUL", path="$.path")
    if path.startswith("/"):
        raise Invalid(f"{path} is absolute; paths are relative to the workspace", path="$.path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Invalid(f"{path} leads upwards; paths stay inside the workspace", path="$.path")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise Invalid("the path is not valid text", path="$.path") from error
    return "/".join(parts) or "."


def _size_of_regular(path: str, found: os.stat_result) -> int:
    if stat.S_ISDIR(found.st_mode):
        raise Invalid(f"{path or '.'} is a folder", path="$.path")
    if not stat.S_ISREG(found.st_mode):
        raise Invalid(f"{path} is no regular file", path="$.path")
    if found.st_nlink > 1:
        # A hard link may be a second name of a file outside. None at all: replaced since it was opened.
        raise Invalid(f"{path} has {found.st_nlink} names; only files with one can be read", path="$.path")
    return found.st_size


def _check_room(path: str, size: int) -> None:
    if size > MAX_WRITE:
        raise TooLarge(f"{path} would have {size:,} bytes; a file may have at most {MAX_WRITE:,}")


def _skip_lines(file: BinaryIO, count: int) -> None:
    left = MAX_SCAN  # the file may grow as fast as it is read
    while count > 0 and left > 0 and (line := file.readline(left)):
        left -= len(line)
        count -= 1


def _some_lines(file: BinaryIO, count: int) -> bytes:
    lines: list[bytes] = []
    left = MAX_READ
    while count > 0 and left > 0 and (line := file.readline(left)):
        lines.append(line)
        left -= len(line)
        count -= 1
    return b"".join(lines)


def _replace(folder: int, name: str, data: bytes, path: str) -> bool:
    """Write beside the target, then rename onto it: readers see the old file or the new one."""
    before = _what_is_there(folder, name)
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise Invalid(f"{path} is no regular file", path="$.path")
    temporary = f".{secrets.token_hex(8)}.tmp"
    opened = os.open(temporary, _CREATE | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        with open(opened, "wb") as file:
            file.write(data)
            file.flush()
            if before is not None:
                os.fchmod(opened, stat.S_IMODE(before.st_mode) & 0o777)
            os.fsync(opened)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
    return before is None


def _what_is_there(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _entry(found: os.DirEntry[str]) -> Entry:
    try:
        about = found.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return Entry(found.name, "other", 0)
    for kind, test in (("folder", stat.S_ISDIR), ("file", stat.S_ISREG), ("link", stat.S_ISLNK)):
        if test(about.st_mode):
            return Entry(found.name, kind, about.st_size)
    return Entry(found.name, "other", 0)


_REASONS = {
    errno.ENOENT: "does not exist in the workspace",
    errno.ELOOP: "is or leads through a link; links are not followed",
    errno.EXDEV: "leads out of the workspace",
    errno.ENOTDIR: "is no folder, or leads through a file",
    errno.EISDIR: "is a folder",
    errno.ENAMETOOLONG: "has a name that is too long",
    errno.EACCES: "may not be opened by this host",
    errno.EPERM: "may not be changed by this host",
    errno.EROFS: "is on a file system that cannot be written",
    errno.ENXIO: "is no regular file",
    errno.ENOTEMPTY: "is a folder",
}


def _explained(error: OSError, path: str) -> ClawftError:
    """The error in words that name the path as it was given."""
    name = path or "."
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"there is no room left to write {name}")
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        return Unavailable(f"{name} cannot be used now: {os.strerror(error.errno or errno.EIO)}")
    if error.errno == errno.ENOENT:
        return NotFound(f"{name} {reason}")
    return Invalid(f"{name} {reason}", path="$.path")
