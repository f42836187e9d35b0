#!/usr/bin/env python3
"""Build and sign a skills registry from plain folders.

    scripts/make_registry.py                          the one that comes with the package
    scripts/make_registry.py SKILLS TARGET            one of your own, from SKILLS/<name>/SKILL.md
    scripts/make_registry.py SKILLS TARGET --key FILE signed with the key in FILE, made if it is missing

Without ``--key`` a key is made for this one build and forgotten: the package is what vouches for the bundled
registry, so nobody has to guard a key for it. For a registry of your own keep the key, copy ``registry.pub``
into ``<data>/keys/`` of each host that should trust it, and set ``skills.registry`` to the folder.
"""

import argparse
import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path

import msgspec
from nacl.signing import SigningKey

from clawft.domain.skills import RegistryEntry, RegistryIndex, parse_skill
from clawft.drivers.skills.folder import SKILL_FILE
from clawft.drivers.skills.registry import BUNDLED, INDEX, PUBLIC_KEY, SIGNATURE

SOURCES = Path(__file__).parent / "skills"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The one date in every archive, so that the same files give the same bytes."""


def build(sources: Path, target: Path, key: SigningKey) -> RegistryIndex:
    """Write archives, index, signature and public key into ``target``; old archives go."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.zip"):
        old.unlink()
    index = RegistryIndex(
        1, tuple(_pack(folder, target) for folder in sorted(sources.iterdir()) if folder.is_dir())
    )
    data = msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"
    (target / INDEX).write_bytes(data)
    (target / SIGNATURE).write_text(key.sign(data).signature.hex() + "\n")
    (target / PUBLIC_KEY).write_text(bytes(key.verify_key).hex() + "\n")
    return index


def archive_of(folder: Path) -> bytes:
    """The folder's files as a zip that depends on nothing but their names and bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    return packed.getvalue()


def _pack(folder: Path, target: Path) -> RegistryEntry:
    manifest = parse_skill((folder / SKILL_FILE).read_bytes()).manifest
    packed = archive_of(folder)
    name = f"{manifest.name}-{manifest.version}.zip"
    (target / name).write_bytes(packed)
    return RegistryEntry(
        id=f"reg-{manifest.name}",
        name=manifest.name,
        description=manifest.description,
        version=manifest.version,
        archive=name,
        sha256=hashlib.sha256(packed).hexdigest(),
        author=manifest.author,
        tags=manifest.tags,
    )


def _key(path: Path | None) -> SigningKey:
    if path is None:
        return SigningKey.generate()
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(bytes(SigningKey.generate()).hex() + "\n")
    return SigningKey(bytes.fromhex(path.read_text().strip()))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Build and sign a skills registry from plain folders.")
    parser.add_argument("sources", nargs="?", type=Path, default=SOURCES)
    parser.add_argument("target", nargs="?", type=Path, default=BUNDLED)
    parser.add_argument("--key", type=Path)
    chosen = parser.parse_args(arguments)
    index = build(chosen.sources, chosen.target, _key(chosen.key))
    for entry in index.skills:
        print(f"{entry.id:24} {entry.version:10} {entry.sha256[:12]}  {entry.description}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
