"""SKILL.md and the registry's index."""

import pytest

from clawft.domain.skills import (
    MAX_SKILL_BYTES,
    RegistryEntry,
    RegistryIndex,
    SkillManifest,
    parse_skill,
)
from clawft.errors import Invalid

WHOLE = b"""---
name: code-review
description: Reviews a change
version: 1.10
author: us
tags: [review, security]
allowed-tools: read_file, list_directory
license: MIT
---

# How to review

Read it.
---
Twice.
"""


def test_a_skill_is_its_front_matter_and_its_instructions() -> None:
    skill = parse_skill(WHOLE)
    assert skill.manifest == SkillManifest(
        "code-review",
        "Reviews a change",
        version="1.10",
        author="us",
        tags=("review", "security"),
        allowed_tools=("read_file", "list_directory"),
    )
    assert skill.instructions == "# How to review\n\nRead it.\n---\nTwice."


def test_windows_line_ends_and_a_byte_order_mark_are_read_alike() -> None:
    assert parse_skill(b"\xef\xbb\xbf" + WHOLE.replace(b"\n", b"\r\n")) == parse_skill(WHOLE)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "front matter"),
        (b"# no front matter", "front matter"),
        (b"---\nname: a\ndescription: b\n", "front matter"),
        (b"---\n- a\n---\n", "not a mapping"),
        (b"---\nname: [\n---\n", "not YAML"),
        (b"---\n" + b"[" * 5000 + b"\n---\n", "not YAML"),
        (b"---\nname: !!python/object/apply:os.system [ls]\ndescription: d\n---\n", "$.name"),
        (b"---\nname: ../up\ndescription: d\n---\n", "$.name"),
        (b"---\nname: a\n---\n", "description"),
        (b"---\nname: a\ndescription: {b: c}\n---\n", "$.description"),
        (b"---\nname: a\ndescription: " + b"d" * 9000 + b"\n---\n", "8 KiB"),
        (b"---\nname: a\ndescription: \xff\n---\n", "UTF-8"),
        (WHOLE + b"x" * MAX_SKILL_BYTES, "50 KiB"),
    ],
)
def test_a_skill_that_cannot_be_read_says_why(data: bytes, named: str) -> None:
    with pytest.raises(Invalid, match=r".") as refused:
        parse_skill(data)
    assert named in str(refused.value)


def entry(name: str, description: str, stars: int = 0, *tags: str) -> RegistryEntry:
    return RegistryEntry(
        f"reg-{name}", name, description, "1.0.0", f"{name}.zip", "0" * 64, "us", stars, tags
    )


INDEX = RegistryIndex(
    1,
    (
        entry("deploy", "Ships a release", 3, "operations"),
        entry("review", "Before a deploy", 9),
        entry("plan", "A day"),
    ),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("deploy", ["review", "deploy"]),
        ("DEPLOY ships", ["deploy"]),
        ("operations", ["deploy"]),
        ("reg-plan", ["plan"]),
        ("nothing like it", []),
        ("", ["review", "deploy", "plan"]),
    ],
)
def test_a_search_finds_what_has_every_word(query: str, found: list[str]) -> None:
    assert [skill.name for skill in INDEX.search(query)] == found
