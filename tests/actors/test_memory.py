"""Memory: kept in the store, found again, used by tools."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.memory import Memory
from clawft.actors.tools_memory import MemoryDelete, MemoryRead, MemoryWrite
from clawft.domain.memory import MemoryEntry
from clawft.domain.tools import ToolCall, ToolResult, argument_check
from clawft.errors import NotFound
from clawft.messages.memory import CreateMemory, DeleteMemory, GetMemory, ListMemory, SearchMemory
from clawft.runtime import System
from clawft.store import Store
from clawft.store.memory import MAX_CANDIDATES, MemoryStore
from tests.domain.memory_cases import BENT, ENTRIES, EXACT, STRANGERS


class Ticking:
    """A clock that goes on a second each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@asynccontextmanager
async def host(folder: Path) -> AsyncIterator[System]:
    system = System("test")
    system.attach()
    store = Store.open(system, folder)
    system.spawn(Memory, "memory", store=MemoryStore(store), now=Ticking())
    yield system
    store.close()
    assert await system.shutdown(5) == ()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with host(tmp_path / "data") as system:
        yield system


async def remember(system: System, *entries: MemoryEntry) -> None:
    replies = [
        system.ask("memory", CreateMemory(each.key, each.value, each.namespace, each.tags))
        for each in entries
    ]
    for reply in replies:
        await reply


async def search(system: System, q: str, **more: Any) -> list[tuple[str, float]]:
    found = await system.ask("memory", SearchMemory(q, **more))
    return [(entry.key, float(entry.similarity or 0)) for entry in found]


async def test_the_same_key_replaces_and_the_newest_comes_first(system: System) -> None:
    await system.ask("memory", CreateMemory("a", "old", "x", ("t",)))
    await system.ask("memory", CreateMemory("b", "other"))
    stored = await system.ask("memory", CreateMemory("a", "new", tags=("t", "u", "t")))
    assert (stored.value, stored.namespace, stored.tags) == ("new", "default", ("t", "u"))
    listed = await system.ask("memory", ListMemory())
    assert [(entry.key, entry.value) for entry in listed] == [("a", "new"), ("b", "other")]
    assert await system.ask("memory", GetMemory("a")) == stored


async def test_a_namespace_narrows_the_list_and_the_search(system: System) -> None:
    await system.ask("memory", CreateMemory("red-apple", "fruit", "food"))
    await system.ask("memory", CreateMemory("red-car", "vehicle", "cars"))
    assert [each.key for each in await system.ask("memory", ListMemory("food"))] == ["red-apple"]
    assert [key for key, _ in await search(system, "red", namespace="cars")] == ["red-car"]
    assert [key for key, _ in await search(system, "red-car", namespace="food")] == ["red-apple"]


async def test_what_is_forgotten_is_gone_and_cannot_be_forgotten_twice(system: System) -> None:
    await system.ask("memory", CreateMemory("a", "needle"))
    await system.ask("memory", DeleteMemory("a"))
    assert await search(system, "needle") == []
    with pytest.raises(NotFound, match="under the key a"):
        await system.ask("memory", DeleteMemory("a"))
    with pytest.raises(NotFound, match="under the key a"):
        await system.ask("memory", GetMemory("a"))


async def test_memory_survives_a_restart(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as system:
        await system.ask("memory", CreateMemory("gate-code", "4711", tags=("home",)))
        before = await system.ask("memory", ListMemory())
    async with host(tmp_path / "data") as system:
        assert await system.ask("memory", ListMemory()) == before
        assert await search(system, "gate") != []


async def test_the_contract_s_example_is_found(system: System) -> None:
    await system.ask(
        "memory", CreateMemory("pattern-auth", "JWT with refresh tokens", "patterns", ("auth", "jwt"))
    )
    found = await search(system, "auth", threshold=0.7)
    assert [key for key, _ in found] == ["pattern-auth"]
    assert found[0][1] >= 0.95


async def test_the_labelled_set_is_found_through_the_index(system: System) -> None:
    await remember(system, *ENTRIES)
    asked = EXACT | BENT
    found = {query: await search(system, query, threshold=0.7, limit=1) for query in asked}
    wrong = {
        query: found[query] for query, key in asked.items() if [each for each, _ in found[query]] != [key]
    }
    assert len(wrong) <= 1, wrong
    assert {query: hits for query in STRANGERS if (hits := await search(system, query, threshold=0.7))} == {}


async def test_the_best_come_first_and_the_limit_holds(system: System) -> None:
    await remember(system, *ENTRIES)
    found = await search(system, "deploy release", limit=3)
    assert len(found) == 3
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    everything = await search(system, "deploy release", threshold=0.0, limit=500)
    assert all(score > 0 for _, score in everything)


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "'",
        '"unclosed',
        "a AND",
        "NOT",
        "key:x",
        "*",
        "(",
        "a^2",
        "NEAR(a b)",
        "-a",
        "{key}: a",
        "\0",
        "%",
        "🦀",
        "ﬁ",
    ],
)
async def test_what_a_user_types_never_breaks_the_search(system: System, text: str) -> None:
    await system.ask("memory", CreateMemory("note", f"about {text} things"))
    assert isinstance(await search(system, text), list)
    assert (await search(system, f"things {text}"))[0][0] == "note"


async def test_a_key_of_no_letters_is_found_by_itself(system: System) -> None:
    await system.ask("memory", CreateMemory("🦀", "crab"))
    assert await search(system, "🦀", threshold=0.95) == [("🦀", 1.0)]


async def test_a_rare_entry_is_found_among_many_alike(system: System) -> None:
    crowd = [
        ENTRIES[0].__class__(f"note-{n}", f"the common note {n}", "default", (), ENTRIES[0].updated_at)
        for n in range(3 * MAX_CANDIDATES)
    ]
    await remember(system, *crowd, ENTRIES[0])
    assert (await search(system, "common refresh tokens"))[0][0] == "pattern-auth"
    assert (await search(system, "refrsh tokens"))[0][0] == "pattern-auth"
    assert (await search(system, "note 571"))[0][0] == "note-571"


async def test_a_failed_write_is_no_success(system: System) -> None:
    writer = system.find("store")
    writer.halt("the disk is gone")
    assert writer.actor_stopped.wait(5)
    with pytest.raises(Exception, match="store"):
        await system.ask("memory", CreateMemory("a", "b"))


async def use(system: System, name: str, **arguments: Any) -> ToolResult:
    kinds = (MemoryRead, MemoryWrite, MemoryDelete)
    tool = next(kind(system) for kind in kinds if kind.spec.name == name)
    assert argument_check(tool.spec.parameters)(arguments) is None
    return await tool.run(ToolCall(name, arguments, "sess-1", "general-agent"))


async def test_tools_write_read_and_delete(system: System) -> None:
    wrote = await use(
        system, "memory_write", key="staging", value="kite.internal", tags=["servers"], namespace="ops"
    )
    assert wrote.content == "remembered under the key staging"
    await use(system, "memory_write", key="lunch", value="noon")
    read = await use(system, "memory_read", query="where is staging?")
    assert read.content.startswith("staging: kite.internal  (tags: servers; namespace: ops; similarity: 0.9")
    assert (await use(system, "memory_read", key="lunch")).content == "lunch: noon"
    assert (await use(system, "memory_read")).content.splitlines()[0] == "lunch: noon"
    assert (await use(system, "memory_read", limit=1)).content == "lunch: noon"
    assert (await use(system, "memory_delete", key="lunch")).content == "forgot lunch"
    assert (await use(system, "memory_read", query="zebra")).content == "nothing is remembered about zebra"
    with pytest.raises(NotFound):
        await use(system, "memory_read", key="lunch")


def test_the_tools_refuse_what_memory_would() -> None:
    check = argument_check(MemoryWrite.spec.parameters)
    assert check({"key": "", "value": "x"}) is not None
    assert check({"key": "k"}) == "the argument `value` is missing"
    assert check({"key": "k", "value": "v", "tags": [""]}) is not None
