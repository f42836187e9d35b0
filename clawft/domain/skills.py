"""Skills: instructions an agent may read when it needs them."""

import unicodedata
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clawft.domain.values import Value
from clawft.errors import Invalid

MAX_SKILL_BYTES = 50 * 1024
"""What a SKILL.md may weigh, front matter and all."""
MAX_FRONT_MATTER = 8 * 1024

SkillName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Safe as the name of a folder, in a path segment and in a prompt."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class SkillData(Value, frozen=True):
    """An installed skill."""

    name: str
    version: str
    description: str
    author: str
    tags: tuple[str, ...]
    installed: bool
    enabled: bool


class RegistrySkill(Value, frozen=True):
    """A skill that can be installed. ``signed``: its signature and digest were verified."""

    id: str
    name: str
    description: str
    version: str
    author: str
    stars: int
    tags: tuple[str, ...]
    signed: bool


class SkillManifest(Value, frozen=True, rename="kebab"):
    """The front matter of a SKILL.md."""

    name: SkillName
    description: Annotated[str, Meta(min_length=1, max_length=1024)]
    version: Annotated[str, Meta(max_length=64)] = "0.0.0"
    author: Annotated[str, Meta(max_length=200)] = ""
    tags: tuple[str, ...] = ()
    allowed_tools: tuple[str, ...] = ()
    """What the skill would like to use. Nothing is granted by it."""


class Skill(Value, frozen=True):
    """A whole SKILL.md."""

    manifest: SkillManifest
    instructions: str


class InstalledRecord(Value, frozen=True):
    """What is known of an installed skill besides its files."""

    name: str
    version: str
    digest: str
    """SHA-256 of the archive it came in."""
    enabled: bool = True


class RegistryEntry(Value, frozen=True):
    """What a registry's index says of one skill."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    name: SkillName
    description: str
    version: str
    archive: FileName
    """A zip beside the index."""
    sha256: Sha256
    author: str = ""
    stars: int = 0
    tags: tuple[str, ...] = ()

    def as_found(self, *, signed: bool) -> RegistrySkill:
        return RegistrySkill(
            self.id, self.name, self.description, self.version, self.author, self.stars, self.tags, signed
        )

    def answers(self, words: tuple[str, ...]) -> bool:
        """Whether every word is in its name, description or tags."""
        text = _folded(" ".join((self.id, self.name, self.description, *self.tags)))
        return all(word in text for word in words)


class RegistryIndex(Value, frozen=True):
    """``index.json``: what a registry offers. Its signature covers its bytes."""

    format: Annotated[int, Meta(ge=1, le=1)]
    skills: tuple[RegistryEntry, ...]

    def search(self, query: str) -> tuple[RegistryEntry, ...]:
        """Entries with every word of ``query``, most stars first; an empty query finds all."""
        words = tuple(_folded(query).split())
        found = (entry for entry in self.skills if entry.answers(words))
        return tuple(sorted(found, key=lambda entry: (-entry.stars, entry.name)))


def parse_skill(data: bytes) -> Skill:
    """A SKILL.md: YAML front matter between ``---`` lines, then the instructions."""
    if len(data) > MAX_SKILL_BYTES:
        raise Invalid(f"SKILL.md is larger than {MAX_SKILL_BYTES // 1024} KiB", path="SKILL.md")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("SKILL.md is not UTF-8 text", path="SKILL.md") from error
    opening, _, rest = text.replace("\r\n", "\n").partition("\n")
    front, closing, body = f"{rest}\n".partition("\n---\n")
    if opening.strip() != "---" or not closing:
        raise Invalid("SKILL.md does not begin with front matter between '---' lines", path="SKILL.md")
    return Skill(_manifest(front), body.strip())


def _manifest(front: str) -> SkillManifest:
    members = _yaml_mapping(front)
    for name in ("tags", "allowed-tools"):
        if isinstance(members.get(name), str):  # "a, b" is as common in the wild as [a, b]
            members[name] = members[name].replace(",", " ").split()
    try:
        return msgspec.convert(members, SkillManifest)
    except msgspec.ValidationError as error:
        raise Invalid(f"the front matter of SKILL.md is wrong: {error}", path="SKILL.md") from error


def _yaml_mapping(front: str) -> dict[str, Any]:
    """The front matter's members. Scalars stay text: ``version: 1.10`` is not the number 1.1."""
    import yaml  # here, so that a host without skills starts without it

    if len(front) > MAX_FRONT_MATTER:
        raise Invalid(f"the front matter is larger than {MAX_FRONT_MATTER // 1024} KiB", path="SKILL.md")
    try:
        members = yaml.load(front, Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists and mappings only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid("the front matter of SKILL.md is not YAML", path="SKILL.md") from error
    if not isinstance(members, dict):
        raise Invalid("the front matter of SKILL.md is not a mapping", path="SKILL.md")
    return members


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
