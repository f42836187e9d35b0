"""Memory: what was asked to be remembered, under a key."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from clawft.domain.values import UNSET, UnsetType, Value

MemoryKey = Annotated[str, Meta(min_length=1, max_length=200)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]


class MemoryEntry(Value, frozen=True):
    """One thing remembered. ``similarity`` is there only in the answer to a search."""

    key: str
    value: str
    namespace: str
    tags: tuple[str, ...]
    updated_at: datetime
    similarity: float | UnsetType = UNSET
