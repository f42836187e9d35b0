"""Skill archives: zip files, checked whole before a byte of them is written, and unpacked by hand.

``zipfile.extractall`` is not used: it renames what it dislikes, and knows no limits.
"""

import io
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress

from clawft.errors import Invalid

MAX_PACKED = 5 * 1024 * 1024
MAX_UNPACKED = 20 * 1024 * 1024
MAX_ENTRIES = 500
MAX_RATIO = 100
MAX_DEPTH = 8
MAX_NAME = 200
"""Bytes of a whole path."""
CHUNK = 64 * 1024
LOCAL_HEADER = 30
"""Bytes of a local file header before its name."""


def unpack(data: bytes, folder: int) -> None:
    """Write the archive's files into an empty folder, given as a descriptor, and flush them to the disk.

    ``Invalid`` says what is wrong with the archive. Nothing is run, no link is made or followed.
    """
    with _opened(data) as archive:
        entries = tuple(archive.infolist())
        _check(entries, len(data))
        room = MAX_UNPACKED
        for entry in entries:
            if not entry.is_dir():
                room = _write(archive, entry, folder, room)
    os.fsync(folder)


def _opened(data: bytes) -> zipfile.ZipFile:
    if len(data) > MAX_PACKED:
        raise Invalid(f"the archive is larger than {MAX_PACKED} bytes")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Invalid("the archive is no zip file") from error


def _check(entries: tuple[zipfile.ZipInfo, ...], packed: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise Invalid(f"the archive has more than {MAX_ENTRIES} entries")
    if sum(entry.file_size for entry in entries) > min(MAX_UNPACKED, MAX_RATIO * packed):
        raise Invalid("the archive unpacks to more than is allowed")
    for entry in entries:
        _check_name(entry)
        _check_kind(entry)
    _check_twins(entries)
    _check_overlaps(entries)


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename  # ``filename`` is cut at a NUL
    parts = name.removesuffix("/").split("/")
    fine = (
        name.isprintable()
        and unicodedata.is_normalized("NFC", name)
        and not set(name) & set('\\:*?"<>|')
        and len(name.encode()) <= MAX_NAME
        and len(parts) <= MAX_DEPTH
        and all(part.strip(" ") == part and part.rstrip(".") for part in parts)
    )
    if not fine:
        raise Invalid(f"the archive has an entry with an unsafe name: {name[:MAX_NAME]!r}")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    expected = stat.S_IFDIR if entry.is_dir() else stat.S_IFREG
    if kind not in (0, expected):
        raise Invalid(f"the archive holds something other than files: {entry.filename!r}")
    if entry.flag_bits & 0x1:
        raise Invalid("the archive is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid("the archive is compressed in a way that is not taken; use deflate")


def _check_twins(entries: tuple[zipfile.ZipInfo, ...]) -> None:
    """No two entries may be one on a file system that folds case, nor a file be a folder as well."""
    files = [entry.filename.casefold() for entry in entries if not entry.is_dir()]
    folders = {folder for name in files for folder in _folders(name)}
    folders |= {entry.filename.casefold().rstrip("/") for entry in entries if entry.is_dir()}
    if len(set(files)) != len(files) or folders & set(files):
        raise Invalid("the archive names the same file twice")


def _folders(name: str) -> Iterator[str]:
    parts = name.split("/")[:-1]
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def _check_overlaps(entries: tuple[zipfile.ZipInfo, ...]) -> None:
    """Overlapping entries are how a small archive gets to be a very large one."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Invalid("entries of the archive overlap")
        end = entry.header_offset + LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: int, room: int) -> int:
    """Unpack one file and answer what is left of ``room``; the size that an entry claims is not believed."""
    *folders, name = entry.filename.split("/")
    parent = _make_folders(folder, folders)
    try:
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        with os.fdopen(target, "wb") as file, archive.open(entry) as source:
            while chunk := source.read(CHUNK):
                room -= len(chunk)
                if room < 0:
                    raise Invalid("the archive unpacks to more than is allowed")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.fsync(parent)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise Invalid(f"the archive is damaged at {entry.filename!r}") from error
    finally:
        os.close(parent)
    return room


def _make_folders(root: int, names: list[str]) -> int:
    """A descriptor of the folder below ``root``, made where missing; the caller closes it."""
    folder = os.dup(root)
    for name in names:
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder
