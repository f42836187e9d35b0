"""Registries: folders with a signed index of skills and an archive for each."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec

from clawft.domain.skills import RegistryEntry, RegistryIndex
from clawft.drivers.skills.archive import MAX_PACKED
from clawft.errors import ClawftError, Conflict, NotFound

BUNDLED = Path(__file__).parent / "bundled"
"""The registry that comes with the package."""
INDEX, SIGNATURE, PUBLIC_KEY = "index.json", "index.sig", "registry.pub"
MAX_INDEX = 2 * 1024 * 1024
KEY_BYTES, SIGNATURE_BYTES = 32, 64


class BadRegistry(ClawftError):
    """The registry is not what its signature says it is; nothing of it is used."""

    code = "bad_registry"
    status = 502


@dataclass(frozen=True)
class Registry:
    """A registry folder, trusted as far as one of ``keys`` has signed its index.

    Every call reads the folder anew, so what an operator puts there is found without a restart. Blocking.
    """

    folder: Path
    keys: tuple[bytes, ...]

    @classmethod
    def at(cls, address: str, keys_folder: Path) -> "Registry":
        """The registry at ``address``, or the bundled one when that is empty.

        A registry of the operator's own is trusted by a public key the operator put into ``keys_folder``: a
        key beside the index that it signs would prove nothing. The bundled one is as good as the package.
        """
        bundled = (_read_key(BUNDLED / PUBLIC_KEY),)
        if not address:
            return cls(BUNDLED, bundled)
        if not address.startswith("/") or "\0" in address:
            raise Conflict(
                f"skills.registry is {address!r}, but skills are installed from folders only: "
                "copy the registry into a folder of this machine and give its whole path"
            )
        own = tuple(_read_key(path) for path in sorted(keys_folder.glob("*.pub")))
        return cls(Path(address), bundled + own)

    def index(self) -> RegistryIndex:
        """What it offers, after its signature was verified."""
        data = self._read(INDEX, MAX_INDEX)
        if not self._signed(data, _unhex(self._read(SIGNATURE, 1024), SIGNATURE_BYTES, SIGNATURE)):
            raise BadRegistry("the signature of the skills registry is wrong; nothing of it is used")
        try:
            return msgspec.json.decode(data, type=RegistryIndex)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadRegistry(f"the index of the skills registry cannot be read: {error}") from error

    def entry(self, id: str) -> RegistryEntry:
        """The skill with this id or, as people type them, this name."""
        for entry in self.index().skills:
            if id in (entry.id, entry.name):
                return entry
        raise NotFound(f"the skills registry has no skill {id!r}")

    def archive(self, entry: RegistryEntry) -> bytes:
        """The entry's archive, after its digest was verified."""
        data = self._read(entry.archive, MAX_PACKED)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BadRegistry(
                f"the archive of {entry.name!r} is not the one that was signed; it is not installed"
            )
        return data

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return _read_regular(self.folder / name, limit)
        except OSError as error:
            raise BadRegistry(f"the skills registry's {name} cannot be read: {error.strerror}") from error

    def _signed(self, data: bytes, signature: bytes) -> bool:
        return any(_verifies(key, data, signature) for key in self.keys)


def _verifies(key: bytes, data: bytes, signature: bytes) -> bool:
    from nacl.exceptions import BadSignatureError  # here, so that a host starts without it
    from nacl.signing import VerifyKey

    try:
        VerifyKey(key).verify(data, signature)
    except BadSignatureError:
        return False
    return True


def _read_key(path: Path) -> bytes:
    try:
        return _unhex(_read_regular(path, 1024), KEY_BYTES, path.name)
    except OSError as error:
        raise BadRegistry(f"the registry key {path.name} cannot be read: {error.strerror}") from error


def _unhex(text: bytes, length: int, name: str) -> bytes:
    try:
        data = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise BadRegistry(f"{name} is not hexadecimal") from error
    if len(data) != length:
        raise BadRegistry(f"{name} does not hold {length} bytes")
    return data


def _read_regular(path: Path, limit: int) -> bytes:
    """A regular file of at most ``limit`` bytes. Neither a pipe nor a device can hold us up here."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadRegistry(f"{path.name} is no regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BadRegistry(f"{path.name} is larger than {limit} bytes")
    return data
