"""What can be asked of memory."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.memory import MemoryEntry, MemoryKey, Tag
from clawft.domain.values import MAX_CONTENT, Fraction, Success
from clawft.runtime import Ask


class ListMemory(Ask[tuple[MemoryEntry, ...]], frozen=True):
    """Every entry, newest first; ``namespace`` narrows."""

    namespace: str | None = None


class GetMemory(Ask[MemoryEntry], frozen=True):
    """One entry by its exact key."""

    key: str


class SearchMemory(Ask[tuple[MemoryEntry, ...]], frozen=True):
    """Entries that score at least ``threshold``, best first, each with its ``similarity``."""

    q: Annotated[str, Meta(min_length=1, max_length=2000)]
    threshold: Fraction = 0.0
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    namespace: str | None = None


class CreateMemory(Ask[MemoryEntry], frozen=True):
    """Remember something. The same key replaces what was there."""

    key: MemoryKey
    value: Annotated[str, Meta(max_length=MAX_CONTENT)]
    namespace: Annotated[str, Meta(min_length=1, max_length=100)] = "default"
    tags: Annotated[tuple[Tag, ...], Meta(max_length=64)] = ()


class DeleteMemory(Ask[Success], frozen=True):
    """Forget one key."""

    key: str
