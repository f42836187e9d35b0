"""The tools with which an agent uses memory."""

from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.memory import MemoryEntry, MemoryKey, Tag
from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.values import MAX_CONTENT, UnsetType
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.messages.memory import CreateMemory, DeleteMemory, GetMemory, ListMemory, SearchMemory
from clawft.runtime import System

LIKELY = 0.35
"""The similarity from which on an entry is shown to a model: it can tell what does not belong."""


class MemoryReadArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Look up what was remembered: by a query, or by an exact key; with neither, the newest entries."""

    query: Annotated[str, Meta(max_length=2000, description="Words to search for")] = ""
    key: Annotated[str, Meta(max_length=200, description="The exact key of one entry")] = ""
    namespace: Annotated[str, Meta(max_length=100, description="Search only here")] = ""
    limit: Annotated[int, Meta(ge=1, le=50, description="How many entries at most")] = 5


class MemoryWriteArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remember something under a key, for every later session. The same key replaces what was there."""

    key: Annotated[MemoryKey, Meta(description="A short name, like staging-box")]
    value: Annotated[str, Meta(max_length=MAX_CONTENT, description="What to remember")]
    namespace: Annotated[str, Meta(min_length=1, max_length=100)] = "default"
    tags: Annotated[tuple[Tag, ...], Meta(max_length=64, description="Words to find it by")] = ()


class MemoryDeleteArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Forget what was remembered under a key."""

    key: MemoryKey


class MemoryRead:
    """Shows entries as text, best first."""

    spec = spec_of("memory_read", MemoryReadArguments)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, MemoryReadArguments)
        found = await self._find(wanted)
        if not found:
            about = f" about {wanted.query}" if wanted.query else ""
            return ToolResult(f"nothing is remembered{about}")
        return ToolResult("\n".join(_line(entry) for entry in found))

    async def _find(self, wanted: MemoryReadArguments) -> tuple[MemoryEntry, ...]:
        namespace = wanted.namespace or None
        if wanted.key:
            return (await self._system.ask("memory", GetMemory(wanted.key)),)
        if wanted.query:
            search = SearchMemory(wanted.query, threshold=LIKELY, limit=wanted.limit, namespace=namespace)
            return await self._system.ask("memory", search)
        return (await self._system.ask("memory", ListMemory(namespace)))[: wanted.limit]


class MemoryWrite:
    """Answers after the commit."""

    spec = spec_of("memory_write", MemoryWriteArguments, effect="write")

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, MemoryWriteArguments)
        entry = await self._system.ask(
            "memory", CreateMemory(wanted.key, wanted.value, wanted.namespace, wanted.tags)
        )
        return ToolResult(f"remembered under the key {entry.key}")


class MemoryDelete:
    """Answers after the commit."""

    spec = spec_of("memory_delete", MemoryDeleteArguments, effect="write")

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, MemoryDeleteArguments)
        await self._system.ask("memory", DeleteMemory(wanted.key))
        return ToolResult(f"forgot {wanted.key}")


def _line(entry: MemoryEntry) -> str:
    details = [f"tags: {', '.join(entry.tags)}"] if entry.tags else []
    if entry.namespace != "default":
        details.append(f"namespace: {entry.namespace}")
    if not isinstance(entry.similarity, UnsetType):
        details.append(f"similarity: {entry.similarity:.2f}")
    return f"{entry.key}: {entry.value}" + (f"  ({'; '.join(details)})" if details else "")
