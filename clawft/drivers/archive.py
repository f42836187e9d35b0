"""Archives: all of a host's data in one file, made while it runs, and brought back."""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clawft.drivers.atomic import write
from clawft.errors import Invalid, UsageError

DATABASE = "clawft.db"
FILES = ("config.json", "secret", "secrets.json", "webhook-secret")
FOLDERS = ("agents", "skills", "keys", "wake")
WORKSPACE = "workspace"
MANIFEST = "manifest.json"
FORMAT = 1
PENDING = "restore.pending"
"""A folder that takes the place of what is there at the next start."""
ASIDE = "before-restore"
"""Where what was there goes."""
ASIDE_NAME, CLEARED = ".aside", ".cleared"
"""In the folder that lies ready: where what was there goes, and that all of it has gone."""
NOT_KEPT = "wake/speech"
"""Can be made again, and is large."""


def make(data: Path, file: Path, *, workspace: bool, version: str) -> int:
    """Write the archive; the answer is its size. The host may run: the database is copied as of one moment.

    The file is under its name only when it is whole, and readable by its owner only.
    """
    if not (data / DATABASE).exists():
        raise UsageError(f"there is no host's data in {data}")
    unfinished = file.with_name(f"{file.name}.unfinished")
    digests: dict[str, str] = {}
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            _add_database(archive, data, file.parent, digests)
            for path in _others(data, workspace):
                _add(archive, path, path.relative_to(data).as_posix(), digests)
            _add_manifest(archive, version, digests)
            archive.close()
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return file.stat().st_size


def _add_database(archive: tarfile.TarFile, data: Path, beside: Path, digests: dict[str, str]) -> None:
    copy = beside / f".{DATABASE}.{os.getpid()}.copy"
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        source = sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True, timeout=30)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target, pages=4096, sleep=0.005)
            target.execute("PRAGMA journal_mode = delete")
        _add(archive, copy, DATABASE, digests)
    finally:
        copy.unlink(missing_ok=True)


def _others(data: Path, workspace: bool) -> Iterator[Path]:
    for name in FILES:
        if (data / name).is_file():
            yield data / name
    for folder in (*FOLDERS, *((WORKSPACE,) if workspace else ())):
        for path in sorted((data / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.is_relative_to(data / NOT_KEPT):
                yield path


def _add(archive: tarfile.TarFile, path: Path, name: str, digests: dict[str, str]) -> None:
    """A file that changes meanwhile is in there as it was when it was read."""
    with path.open("rb") as file:
        content = file.read() if name != DATABASE else None
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = 0o600, int(path.stat().st_mtime)
        info.size = path.stat().st_size if content is None else len(content)
        digests[name] = _digest(file) if content is None else hashlib.sha256(content).hexdigest()
        file.seek(0)
        archive.addfile(info, file if content is None else io.BytesIO(content))


def _digest(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _add_manifest(archive: tarfile.TarFile, version: str, digests: dict[str, str]) -> None:
    said = {"format": FORMAT, "version": version, "made": datetime.now(UTC).isoformat(), "sha256": digests}
    text = json.dumps(said, indent=1).encode()
    info = tarfile.TarInfo(MANIFEST)
    info.size, info.mode = len(text), 0o600
    archive.addfile(info, io.BytesIO(text))


def unpack(file: Path, data: Path, *, newest: int) -> dict[str, Any]:
    """Check the archive and lay it ready in ``<data>/restore.pending``; the answer is its manifest.

    Nothing that is there is touched. Raises ``Invalid`` for one that is not whole, or of a newer clawft.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ready = data / PENDING
    making = data / f"{PENDING}.unfinished"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    try:
        manifest = _unpacked(file, making)
        _check(making / DATABASE, newest)
        shutil.rmtree(ready, ignore_errors=True)
        making.rename(ready)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return manifest


def _unpacked(file: Path, folder: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        digests = dict(manifest["sha256"])
        if manifest["format"] != FORMAT:
            raise Invalid(f"{file} is of a format this clawft does not know")
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{file} is no backup of clawft, or not a whole one: {error}") from error
    (folder / MANIFEST).unlink()
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if found != set(digests):
        raise Invalid(f"{file} does not hold what its list says: {sorted(found ^ set(digests))[:3]}")
    for name, digest in digests.items():
        with (folder / name).open("rb") as content:
            if _digest(content) != digest:
                raise Invalid(f"{name} in {file} is not as it was written")
    return manifest


def _check(database: Path, newest: int) -> None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
        said = raw.execute("PRAGMA integrity_check").fetchone()[0]
        version = int(raw.execute("PRAGMA user_version").fetchone()[0])
    if said != "ok":
        raise Invalid(f"the database in the backup is damaged: {said}")
    if version > newest:
        raise Invalid("the backup was made by a newer clawft: use that one")


def take_pending(data: Path) -> Path | None:
    """Put what lies ready in the place of what is there; where that went. With the folder's lock held.

    Interrupted anywhere, the next start goes on with it: all that is there is moved away first, and only when
    that is done is what lies ready moved in. So nothing new is ever taken for something old.
    """
    ready = data / PENDING
    if not ready.is_dir():
        return None
    aside = _aside_for(data, ready)
    if not (ready / CLEARED).exists():
        for name in _replaced(ready):
            if (data / name).exists():
                (data / name).rename(aside / name)
        write(ready / CLEARED, b"")
    for name in _replaced(ready):
        if (ready / name).exists():
            (ready / name).rename(data / name)
    shutil.rmtree(ready)
    return aside


def _replaced(ready: Path) -> Iterator[str]:
    """The workspace stays where the backup was made without it."""
    yield from (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", *FILES, *FOLDERS)
    if (ready / WORKSPACE).exists():
        yield WORKSPACE


def _aside_for(data: Path, ready: Path) -> Path:
    """The same folder, however often it is begun."""
    if not (ready / ASIDE_NAME).exists():
        write(ready / ASIDE_NAME, datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ").encode())
    aside = data / ASIDE / (ready / ASIDE_NAME).read_text()
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    return aside
