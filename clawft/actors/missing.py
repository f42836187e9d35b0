"""What an agent's definition names and the host has not. It is said, and stops nobody."""

import asyncio
from collections.abc import Iterable
from typing import Any

from clawft.domain.agents import AgentSpec, unknown
from clawft.messages.skills import ListSkills
from clawft.messages.tools import ListTools
from clawft.runtime import Actor, Ask

PATIENCE = 1.0
"""Seconds to wait for those who know."""


async def missing(asker: Actor, spec: AgentSpec | None) -> tuple[str, ...]:
    """A sentence for each skill and tool that nobody has."""
    if spec is None:
        return ()
    skills = await _missing(asker, "skill", spec.skills, "skills", ListSkills())
    return skills + await _missing(asker, "tool", spec.tools or (), "tools", ListTools())


async def _missing(
    asker: Actor, kind: str, named: Iterable[str], actor: str, question: Ask[Any]
) -> tuple[str, ...]:
    if not named:
        return ()
    try:
        async with asyncio.timeout(PATIENCE):
            known = {answer.name for answer in await asker.ask(actor, question)}
    except Exception:
        return ()  # who cannot be asked now may have it
    return unknown(kind, named, known)
