"""What can be asked of skills."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.skills import RegistrySkill, SkillData
from clawft.domain.values import Success
from clawft.runtime import Ask


class ListSkills(Ask[tuple[SkillData, ...]], frozen=True):
    """Every installed skill, by name."""


class InstallSkill(Ask[Success], frozen=True):
    """Fetch a skill from the registry, check its signature and digest, unpack it. Nothing in it is run."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]


class RemoveSkill(Ask[Success], frozen=True):
    name: str


class SearchRegistry(Ask[tuple[RegistrySkill, ...]], frozen=True):
    """Skills of the registry whose name, description or tags hold every word of ``q``; empty: all."""

    q: Annotated[str, Meta(max_length=500)] = ""


class SkillText(Ask[str], frozen=True):
    """The instructions of an installed skill."""

    name: str
