"""Skills on disk: archives that lie, registries nobody signed, and folders that survive a crash."""

import contextlib
import hashlib
import io
import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from clawft.domain.skills import RegistryEntry, RegistryIndex, parse_skill
from clawft.drivers.skills import archive as archives
from clawft.drivers.skills.archive import unpack
from clawft.drivers.skills.folder import SkillFolder
from clawft.drivers.skills.registry import BUNDLED, BadRegistry, Registry
from clawft.errors import Conflict, Invalid, NotFound, Unavailable

SKILL = b"---\nname: deploy\ndescription: Ships it\nversion: 1.0.0\n---\nCarefully.\n"
SOURCES = Path(__file__).parents[2] / "scripts" / "skills"


def packed(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if change:
                change(entry)
            archive.writestr(entry, content)
    return data.getvalue()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "out"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_an_archive_becomes_its_files(empty: int, tmp_path: Path) -> None:
    unpack(packed({"SKILL.md": SKILL, "notes/deep/more.md": b"more"}), empty)
    assert everything_in(tmp_path / "out") == {"SKILL.md", "notes", "notes/deep", "notes/deep/more.md"}
    assert (tmp_path / "out/notes/deep/more.md").read_bytes() == b"more"
    assert stat.S_IMODE((tmp_path / "out/SKILL.md").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    [
        "../up.md",
        "a/../../up.md",
        "/etc/passwd",
        "C:/windows",
        "a\\b",
        "a//b",
        "./a",
        "a/..",
        "bell\x07",
        "e\u0301.md",
        "left\u202eright",
        " space",
        "a/...",
        "/".join("abcdefghi"),
        "x" * 300,
    ],
)
def test_an_unsafe_name_is_refused_and_nothing_is_written(name: str, empty: int, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        unpack(packed({"SKILL.md": SKILL, name: b"x"}), empty)
    assert everything_in(tmp_path) == {"out"}


def test_a_name_with_a_nul_in_it_is_refused(empty: int) -> None:
    with pytest.raises(Invalid, match="unsafe name"):
        unpack(packed({"nul~.md": b"x"}).replace(b"nul~", b"nul\0"), empty)


def as_link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16


def as_device(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = (stat.S_IFCHR | 0o666) << 16


def as_lzma(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_LZMA


@pytest.mark.parametrize("change", [as_link, as_device, as_lzma])
def test_only_plain_files_are_taken(
    change: Callable[[zipfile.ZipInfo], None], empty: int, tmp_path: Path
) -> None:
    with pytest.raises(Invalid):
        unpack(packed({"SKILL.md": SKILL}, change), empty)
    assert everything_in(tmp_path) == {"out"}


@pytest.mark.parametrize(
    "files", [{"a.md": b"1", "A.MD": b"2"}, {"a": b"1", "a/b": b"2"}, {"a/": b"", "A": b"2"}]
)
def test_two_entries_may_not_be_the_same_file(files: dict[str, bytes], empty: int) -> None:
    with pytest.raises(Invalid, match="twice"):
        unpack(packed(files), empty)


def test_a_bomb_is_refused_by_what_it_says(empty: int) -> None:
    with pytest.raises(Invalid, match="unpacks to more"):
        unpack(packed({"zeros": b"\0" * (4 * 1024 * 1024)}), empty)


def test_a_bomb_that_lies_about_its_size_is_cut_off(empty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed({"a.md": os.urandom(3000), "b.md": os.urandom(3000)})
    monkeypatch.setattr(archives, "_check", lambda entries, packed: None)
    monkeypatch.setattr(archives, "MAX_UNPACKED", 5000)
    with pytest.raises(Invalid, match="unpacks to more"):
        unpack(data, empty)


def test_too_many_entries_are_refused(empty: int) -> None:
    with pytest.raises(Invalid, match="entries"):
        unpack(packed({f"{number}.md": b"" for number in range(501)}), empty)


def test_overlapping_entries_are_refused(empty: int) -> None:
    data = bytearray(packed({"a": b"1" * 50, "b": b"2" * 50}))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 5)  # its local header is said to lie inside the first
    with pytest.raises(Invalid, match="overlap"):
        unpack(bytes(data), empty)


@pytest.mark.parametrize("at", [40, 60])
def test_a_damaged_archive_is_refused(at: int, empty: int) -> None:
    data = bytearray(packed({"a": os.urandom(500)}))
    data[at] ^= 0xFF
    with pytest.raises(Invalid, match="damaged"):
        unpack(bytes(data), empty)


def test_what_is_no_zip_is_refused(empty: int) -> None:
    with pytest.raises(Invalid, match="no zip"):
        unpack(b"#!/bin/sh\n", empty)


@pytest.fixture
def skills(tmp_path: Path) -> SkillFolder:
    return SkillFolder(tmp_path / "skills")


def test_an_installed_skill_is_listed_and_can_be_read(skills: SkillFolder) -> None:
    skills.install("deploy", packed({"SKILL.md": SKILL}))
    (skill,) = skills.installed()
    assert (skill.name, skill.manifest) == ("deploy", parse_skill(SKILL).manifest)
    assert skills.skill("deploy").instructions == "Carefully."


def test_a_bad_archive_leaves_the_installed_skill_as_it_was(skills: SkillFolder) -> None:
    skills.install("deploy", packed({"SKILL.md": SKILL}))
    before = everything_in(skills.path)
    for bad in (
        b"no zip",
        packed({"readme": b""}),
        packed({"SKILL.md": b"---\nname: other\ndescription: d\n---\n"}),
    ):
        with pytest.raises(Invalid):
            skills.install("deploy", bad)
        assert everything_in(skills.path) == before


def test_a_new_version_replaces_the_old_one_whole(skills: SkillFolder) -> None:
    skills.install("deploy", packed({"SKILL.md": SKILL, "old.md": b""}))
    skills.install("deploy", packed({"SKILL.md": SKILL.replace(b"1.0.0", b"1.1.0")}))
    assert everything_in(skills.path) == {"deploy", "deploy/SKILL.md"}
    assert skills.skill("deploy").manifest.version == "1.1.0"


def test_what_a_crash_left_behind_is_put_right(skills: SkillFolder) -> None:
    skills.install("deploy", packed({"SKILL.md": SKILL}))
    (skills.path / "deploy").rename(skills.path / ".old-deploy")
    (skills.path / ".new-0123").mkdir()
    skills.recover()
    assert everything_in(skills.path) == {"deploy", "deploy/SKILL.md"}


def test_removing_deletes_links_and_not_what_they_point_at(skills: SkillFolder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    skills.install("deploy", packed({"SKILL.md": SKILL}))
    (skills.path / "deploy" / "link").symlink_to(precious)
    (skills.path / "elsewhere").symlink_to(precious)
    skills.remove("deploy")
    assert (precious / "file").read_text() == "mine"
    with pytest.raises(NotFound):
        skills.remove("elsewhere")
    assert (precious / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["../precious", "..", ".", "", "deploy", "/etc", ".new-1", "a\x00b"])
def test_only_skills_can_be_removed_or_read(name: str, skills: SkillFolder) -> None:
    with pytest.raises(NotFound):
        skills.remove(name)
    with pytest.raises(NotFound):
        skills.skill(name)


def test_a_skill_that_is_a_link_to_a_secret_is_not_read(skills: SkillFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SKILL)
    (skills.path / "thief").mkdir(parents=True)
    (skills.path / "thief" / "SKILL.md").symlink_to(tmp_path / "secret")
    (listed,) = skills.installed()
    assert listed.manifest is None
    assert listed.error
    with pytest.raises(Invalid):
        skills.skill("thief")


def test_a_pipe_in_place_of_a_skill_holds_nobody_up(skills: SkillFolder) -> None:
    (skills.path / "pipe").mkdir(parents=True)
    os.mkfifo(skills.path / "pipe" / "SKILL.md")
    assert skills.installed()[0].error == "its SKILL.md is no regular file"


def test_a_folder_that_cannot_be_used_is_said_without_a_path(tmp_path: Path) -> None:
    (tmp_path / "skills").write_text("in the way")
    with pytest.raises(Unavailable) as refused:
        SkillFolder(tmp_path / "skills").installed()
    assert str(tmp_path) not in str(refused.value)


def test_every_bundled_skill_is_signed_and_is_what_its_source_says() -> None:
    registry = Registry.at("", Path("/nonexistent"))
    entries = registry.index().skills
    assert {entry.name for entry in entries} == {path.name for path in SOURCES.iterdir()}
    for entry in entries:
        with zipfile.ZipFile(io.BytesIO(registry.archive(entry))) as archive:
            assert archive.read("SKILL.md") == (SOURCES / entry.name / "SKILL.md").read_bytes()


def test_a_search_for_deploy_finds_something_in_the_bundled_registry() -> None:
    assert [entry.name for entry in Registry.at("", BUNDLED).index().search("deploy")] == ["deploy-checklist"]


def write_registry(folder: Path, key: SigningKey, data: bytes = b"") -> None:
    archive = packed({"SKILL.md": SKILL})
    digest = hashlib.sha256(archive).hexdigest()
    entry = RegistryEntry("reg-1", "deploy", "Ships it", "1.0.0", "deploy.zip", digest)
    data = data or msgspec.json.encode(RegistryIndex(1, (entry,)))
    folder.mkdir(exist_ok=True)
    (folder / "deploy.zip").write_bytes(archive)
    (folder / "index.json").write_bytes(data)
    (folder / "index.sig").write_text(key.sign(data).signature.hex())


@pytest.fixture
def own(tmp_path: Path) -> Registry:
    """A registry of the operator's own, with the key the operator trusts."""
    key, keys = SigningKey.generate(), tmp_path / "keys"
    keys.mkdir()
    (keys / "own.pub").write_text(bytes(key.verify_key).hex())
    write_registry(tmp_path / "own", key)
    return Registry.at(str(tmp_path / "own"), keys)


def test_a_registry_signed_with_a_trusted_key_is_used(own: Registry) -> None:
    assert own.archive(own.entry("reg-1")) == own.archive(own.entry("deploy"))
    with pytest.raises(NotFound):
        own.entry("reg-2")


def test_a_registry_signed_by_somebody_else_is_refused(own: Registry) -> None:
    write_registry(own.folder, SigningKey.generate())
    with pytest.raises(BadRegistry, match="signature"):
        own.index()


def test_one_changed_byte_of_the_index_is_noticed(own: Registry) -> None:
    index = own.folder / "index.json"
    index.write_bytes(index.read_bytes().replace(b"Ships it", b"Ships if"))
    with pytest.raises(BadRegistry, match="signature"):
        own.index()


def test_one_changed_byte_of_an_archive_is_noticed(own: Registry) -> None:
    entry = own.entry("deploy")
    archive = own.folder / "deploy.zip"
    archive.write_bytes(archive.read_bytes()[:-1] + b"\xff")
    with pytest.raises(BadRegistry, match="not the one that was signed"):
        own.archive(entry)


def test_a_signed_index_may_not_name_files_elsewhere(own: Registry, tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / "keys" / "second.pub").write_text(bytes(key.verify_key).hex())
    index = {
        "format": 1,
        "skills": [{"id": "x", "name": "x", "description": "", "version": "1", "sha256": "0" * 64}],
    }
    index["skills"][0]["archive"] = "../keys/own.pub"  # type: ignore[index]  # a plain dict is what an attacker writes
    write_registry(own.folder, key, msgspec.json.encode(index))
    with pytest.raises(BadRegistry, match="cannot be read"):
        Registry.at(str(own.folder), tmp_path / "keys").index()


@pytest.mark.parametrize("missing", ["index.json", "index.sig", "deploy.zip"])
def test_a_registry_with_something_missing_says_what(missing: str, own: Registry) -> None:
    (own.folder / missing).unlink()
    with pytest.raises(BadRegistry, match=missing) as refused:
        own.archive(own.entry("deploy"))
    assert str(own.folder) not in str(refused.value)


@pytest.mark.parametrize("address", ["https://skills.example", "relative/folder", "~/skills", "/a\0b"])
def test_an_address_that_is_no_whole_path_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(Conflict, match="whole path"):
        Registry.at(address, BUNDLED)


def test_no_archive_however_mangled_does_more_than_be_refused(tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = packed({"SKILL.md": SKILL, "notes/more.md": b"more" * 50})
    for number in range(500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        folder = tmp_path / "out" / str(number)
        folder.mkdir(parents=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(Invalid):
            unpack(bytes(data), descriptor)
        os.close(descriptor)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
