"""The folder of installed skills: one folder each, with a SKILL.md in it."""

import errno
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from clawft.domain.skills import MAX_SKILL_BYTES, Skill, SkillManifest, SkillName, parse_skill
from clawft.drivers.skills.archive import unpack
from clawft.errors import Invalid, NotFound, StorageFull, Unavailable

log = logging.getLogger(__name__)

SKILL_FILE = "SKILL.md"
NEW, OLD = ".new-", ".old-"
"""How a folder is called while it is unpacked, and while it is on its way out."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class InstalledSkill:
    """A skill's folder: its manifest, or why that cannot be read."""

    name: str
    manifest: SkillManifest | None
    error: str = ""


class SkillFolder:
    """``<data>/skills``. Works below one descriptor and never follows a link in it. Blocking."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recover(self) -> None:
        """Tidy up after a host that died while it installed or removed a skill."""
        with self._opened() as root:
            for name in os.listdir(root):
                if name.startswith(OLD) and not _exists(root, name.removeprefix(OLD)):
                    os.rename(name, name.removeprefix(OLD), src_dir_fd=root, dst_dir_fd=root)
                elif name.startswith((NEW, OLD)):
                    shutil.rmtree(name, dir_fd=root)

    def installed(self) -> tuple[InstalledSkill, ...]:
        """Every skill, by name, those that cannot be read too."""
        with self._opened() as root:
            return tuple(_look(root, name) for name in sorted(os.listdir(root)) if _is_skill(root, name))

    def skill(self, name: str) -> Skill:
        with self._opened() as root:
            if not _is_skill(root, name):
                raise NotFound(f"no skill is called {name!r}")
            return _read(root, name)

    def install(self, name: str, archive: bytes) -> SkillManifest:
        """Unpack, look, and only then let it take its place, at once. What was there under that name goes."""
        with self._opened() as root:
            new = NEW + secrets.token_hex(8)
            os.mkdir(new, 0o700, dir_fd=root)
            try:
                manifest = _unpacked(root, new, archive, name)
                _replace(root, new, name)
            finally:
                if _exists(root, new):
                    shutil.rmtree(new, dir_fd=root)
            return manifest

    def remove(self, name: str) -> None:
        with self._opened() as root:
            if not _is_skill(root, name):
                raise NotFound(f"no skill is called {name!r}")
            gone = NEW + secrets.token_hex(8)  # not OLD: what is being removed must not come back
            os.rename(name, gone, src_dir_fd=root, dst_dir_fd=root)
            os.fsync(root)
            shutil.rmtree(gone, dir_fd=root)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        with _worded():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = os.open(self.path, FOLDER)
            try:
                yield root
            finally:
                os.close(root)


@contextmanager
def _worded() -> Iterator[None]:
    """What the file system refuses, in words and without a path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("there is no room left for skills") from error
        raise Unavailable(f"the folder of skills cannot be used: {error.strerror}") from error


def _unpacked(root: int, folder: str, archive: bytes, name: str) -> SkillManifest:
    below = os.open(folder, FOLDER, dir_fd=root)
    try:
        unpack(archive, below)
    finally:
        os.close(below)
    manifest = _read(root, folder).manifest
    if manifest.name != name:
        raise Invalid(f"the archive of {name!r} holds a skill that calls itself {manifest.name!r}")
    return manifest


def _replace(root: int, new: str, name: str) -> None:
    """No moment has a half of a skill; a crash between the two renames is put right by ``recover``."""
    old = OLD + name
    if _exists(root, name):
        os.rename(name, old, src_dir_fd=root, dst_dir_fd=root)
    os.rename(new, name, src_dir_fd=root, dst_dir_fd=root)
    os.fsync(root)
    if _exists(root, old):
        shutil.rmtree(old, dir_fd=root)


def _look(root: int, name: str) -> InstalledSkill:
    try:
        return InstalledSkill(name, _read(root, name).manifest)
    except Invalid as error:
        log.warning("the skill %s cannot be used: %s", name, error)
        return InstalledSkill(name, None, str(error))


def _read(root: int, name: str) -> Skill:
    folder = os.open(name, FOLDER, dir_fd=root)
    try:
        file = os.open(SKILL_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise Invalid(f"its {SKILL_FILE} cannot be read: {error.strerror}") from error
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Invalid(f"its {SKILL_FILE} is no regular file")
        return parse_skill(stream.read(MAX_SKILL_BYTES + 1))


def _is_skill(root: int, name: str) -> bool:
    """A real folder, not a link to one, with a name a skill can have."""
    try:
        msgspec.convert(name, SkillName)
        return stat.S_ISDIR(os.stat(name, dir_fd=root, follow_symlinks=False).st_mode)
    except (msgspec.ValidationError, FileNotFoundError):
        return False


def _exists(root: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
