"""The tools actor: what there is, checked calls, deadlines, tools from outside."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clawft.actors import tools as rules
from clawft.actors.tools import Tools
from clawft.domain.events import ToolCalled
from clawft.domain.tools import MOST_KEPT, ToolCall, ToolResult, ToolSpec
from clawft.drivers.tools.workspace import Workspace
from clawft.errors import Conflict, Invalid, NotFound
from clawft.messages.events import Publish
from clawft.messages.tools import (
    AnswerToolCall,
    CallTool,
    GetToolSchema,
    ListTools,
    RegisterTool,
    RemoveTool,
    ToolSpecs,
)
from clawft.runtime import Reply, System
from tests.actors.recorder import Recorder, of_kind

OPEN: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class Probe:
    """A tool that does what its name says."""

    def __init__(self, name: str, timeout: float = 30.0) -> None:
        self.spec = ToolSpec(name, f"It will {name}.", {"type": "object"}, timeout=timeout)
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def run(self, call: ToolCall) -> ToolResult:
        self.started.set()
        match self.spec.name:
            case "echo":
                return ToolResult(f"{call.session_key} {call.agent_id} {call.call_id} {call.depth}")
            case "flood":
                return ToolResult("x" * (MOST_KEPT * 3))
            case "crash":
                raise ZeroDivisionError("/secret/path")
            case "late":
                raise TimeoutError("of its own")
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError("unreachable")


@pytest.fixture
def probes() -> dict[str, Probe]:
    named = {name: Probe(name) for name in ("echo", "flood", "crash", "late", "hang")}
    return named | {"hurry": Probe("hurry", timeout=0.05)}


@pytest.fixture
def heard() -> list[Any]:
    """What the one who passes events on was told."""
    return []


@pytest.fixture
async def system(tmp_path: Path, probes: dict[str, Probe], heard: list[Any]) -> AsyncIterator[System]:
    system = System("test")
    system.attach()
    system.spawn(Recorder, "events", heard)
    system.spawn(Tools, "tools", workspace=Workspace(tmp_path / "workspace"), tools=tuple(probes.values()))
    yield system
    assert await system.shutdown(5) == ()


def call(system: System, name: str, **arguments: Any) -> Reply[ToolResult]:
    return system.ask("tools", CallTool(name, arguments, "sess-1", "general-agent", "c1", 2))


async def published(heard: list[Any], count: int) -> list[ToolCalled]:
    """The calls that were published, once there are so many."""
    async with asyncio.timeout(5):
        while len(heard) < count:
            await asyncio.sleep(0)
    return of_kind([note.event for note in of_kind(heard, Publish)], ToolCalled)


async def test_tools_are_listed_with_their_schemas(system: System) -> None:
    listed = {tool.name: tool for tool in await system.ask("tools", ListTools())}
    assert {"read_file", "write_file", "edit_file", "list_directory", "echo"} <= set(listed)
    schema = await system.ask("tools", GetToolSchema("read_file"))
    assert listed["read_file"].schema == schema
    assert schema["required"] == ["path"]
    with pytest.raises(NotFound, match="no tool is called nothing"):
        await system.ask("tools", GetToolSchema("nothing"))


async def test_specs_are_those_that_are_allowed_and_exist(system: System) -> None:
    some = await system.ask("tools", ToolSpecs(("write_file", "read_file", "nothing")))
    assert [spec.name for spec in some] == ["read_file", "write_file"]
    assert await system.ask("tools", ToolSpecs(())) == ()
    every = await system.ask("tools", ToolSpecs())
    assert [spec.name for spec in every] == [tool.name for tool in await system.ask("tools", ListTools())]


async def test_a_call_reaches_the_tool_with_all_that_it_knows(system: System) -> None:
    assert await call(system, "echo") == ToolResult("sess-1 general-agent c1 2")


async def test_a_file_is_written_and_read_through_the_actor(system: System, tmp_path: Path) -> None:
    assert not (await call(system, "write_file", path="a/b.txt", content="hello")).is_error
    assert (tmp_path / "workspace" / "a" / "b.txt").read_text() == "hello"
    assert await call(system, "read_file", path="a/b.txt") == ToolResult("hello")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nothing", {}, "no tool is called nothing"),
        ("read_file", {}, "read_file was not called: the argument `path` is missing"),
        (
            "read_file",
            {"path": "a", "offset": 0},
            "the argument `offset` is wrong: 0 is less than the minimum of 1",
        ),
        ("read_file", {"path": "../up"}, "leads upwards"),
        ("read_file", {"path": "missing.txt"}, "missing.txt does not exist in the workspace"),
        ("crash", {}, "crash failed unexpectedly (ZeroDivisionError)"),
        ("late", {}, "late failed unexpectedly (TimeoutError)"),
    ],
)
async def test_what_goes_wrong_is_a_result_that_says_so(
    system: System, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = await call(system, name, **arguments)
    assert result.is_error
    assert said in result.content
    assert "/secret" not in result.content


async def test_a_long_output_is_cut_and_marked(system: System) -> None:
    result = await call(system, "flood")
    assert result.truncated
    assert not result.is_error
    assert MOST_KEPT <= len(result.content) < MOST_KEPT + 100


async def test_an_error_is_valid_text_whatever_was_asked(system: System) -> None:
    result = await call(system, "read_file", path="../\ud800")
    assert result == ToolResult(
        "../? leads upwards; paths stay inside the workspace - at `$.path`", is_error=True
    )


async def test_a_tool_past_its_time_is_stopped(system: System, probes: dict[str, Probe]) -> None:
    result = await call(system, "hurry")
    assert result == ToolResult("hurry took longer than 0.05 s and was stopped", is_error=True)
    assert probes["hurry"].cancelled.is_set()


async def test_a_hanging_tool_holds_nobody_up(system: System) -> None:
    hanging = [call(system, "hang") for _ in range(500)]
    assert (await asyncio.wait_for(call(system, "echo"), 5)).content.startswith("sess-1")
    assert await asyncio.wait_for(system.ask("tools", ListTools()), 5)
    assert not any(reply.done() for reply in hanging)


async def test_cancelling_the_reply_cancels_the_tool(system: System, probes: dict[str, Probe]) -> None:
    reply = call(system, "hang")
    await asyncio.wait_for(probes["hang"].started.wait(), 5)
    reply.cancel()
    await asyncio.wait_for(probes["hang"].cancelled.wait(), 5)


async def test_file_work_leaves_the_loop_free(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_thread, seen = threading.get_ident(), []
    read = Workspace.read

    def watched(self: Workspace, path: str) -> bytes:
        seen.append(threading.get_ident())
        return read(self, path)

    monkeypatch.setattr(Workspace, "read", watched)
    await call(system, "write_file", path="a", content="x")
    await call(system, "read_file", path="a")
    assert seen
    assert loop_thread not in seen


# -- tools from outside


async def register(system: System, name: str = "double", **more: Any) -> None:
    await system.ask("tools", RegisterTool(name, "Doubles n.", OPEN, **more))


async def test_a_registered_tool_is_called_and_answered_from_outside(
    system: System, heard: list[Any]
) -> None:
    await register(system)
    assert "double" in [tool.name for tool in await system.ask("tools", ListTools())]
    reply = call(system, "double", n=21)
    (event,) = await published(heard, 1)
    assert (event.name, event.arguments, event.session_key) == ("double", {"n": 21}, "sess-1")
    await system.ask("tools", AnswerToolCall(event.id, "42"))
    assert await reply == ToolResult("42")


async def test_an_answer_may_be_an_error_and_is_capped(system: System, heard: list[Any]) -> None:
    await register(system)
    replies = [call(system, "double", n=1), call(system, "double", n=2)]
    first, second = await published(heard, 2)
    await system.ask("tools", AnswerToolCall(second.id, "x" * 2_000_000))
    await system.ask("tools", AnswerToolCall(first.id, "cannot", is_error=True))
    assert await replies[0] == ToolResult("cannot", is_error=True)
    assert (await replies[1]).truncated  # asked in process, past the form that checks the size


async def test_a_call_is_answered_once(system: System, heard: list[Any]) -> None:
    await register(system)
    reply = call(system, "double", n=1)
    (event,) = await published(heard, 1)
    await system.ask("tools", AnswerToolCall(event.id, "2"))
    for id in (event.id, "call-0"):
        with pytest.raises(NotFound, match=id):
            await system.ask("tools", AnswerToolCall(id, "3"))
    assert (await reply).content == "2"


async def test_a_call_nobody_answers_ends_in_time_and_can_no_longer_be_answered(
    system: System, heard: list[Any]
) -> None:
    await register(system, timeout=0.05)
    result = await call(system, "double", n=1)
    assert result.is_error
    assert "took longer than 0.05 s" in result.content
    (event,) = await published(heard, 1)
    with pytest.raises(NotFound):
        await system.ask("tools", AnswerToolCall(event.id, "2"))


async def test_arguments_are_checked_before_anybody_outside_is_asked(
    system: System, heard: list[Any]
) -> None:
    await register(system)
    assert "`n` is missing" in (await call(system, "double")).content
    assert heard == []


class TwoAtOnce(Tools):
    concurrency = 2


async def test_answers_come_in_while_every_place_is_taken(
    system: System, heard: list[Any], tmp_path: Path
) -> None:
    few = system.spawn(TwoAtOnce, "few", workspace=Workspace(tmp_path))
    await few.ask(RegisterTool("double", "Doubles n.", OPEN), block=False)
    replies = [few.ask(CallTool("double", {"n": n}, "s", "a"), block=False) for n in range(6)]
    for done in range(0, 6, 2):
        for event in (await published(heard, done + 2))[done:]:
            await few.ask(AnswerToolCall(event.id, str(event.arguments["n"] * 2)), block=False)
    assert [(await reply).content for reply in replies] == ["0", "2", "4", "6", "8", "10"]


async def test_removing_a_tool_ends_its_calls_and_its_name(system: System, heard: list[Any]) -> None:
    await register(system)
    reply = call(system, "double", n=1)
    await published(heard, 1)
    await system.ask("tools", RemoveTool("double"))
    result = await reply
    assert result.is_error
    assert "taken away" in result.content
    assert "no tool is called double" in (await call(system, "double", n=1)).content
    with pytest.raises(NotFound):
        await system.ask("tools", RemoveTool("double"))


async def test_the_same_name_replaces_but_calls_under_way_are_still_answered(
    system: System, heard: list[Any]
) -> None:
    await register(system)
    reply = call(system, "double", n=1)
    (event,) = await published(heard, 1)
    await system.ask("tools", RegisterTool("double", "Doubles better.", OPEN))
    await system.ask("tools", AnswerToolCall(event.id, "2"))
    assert (await reply).content == "2"
    listed = {tool.name: tool.description for tool in await system.ask("tools", ListTools())}
    assert listed["double"] == "Doubles better."


async def test_built_in_tools_are_neither_replaced_nor_removed(system: System) -> None:
    with pytest.raises(Conflict, match="built-in"):
        await register(system, "read_file")
    with pytest.raises(Conflict, match="built-in"):
        await system.ask("tools", RemoveTool("read_file"))


async def test_a_registration_with_no_schema_is_refused(system: System) -> None:
    with pytest.raises(Invalid, match=r"\$\.parameters\.properties\.n\.type"):
        await system.ask(
            "tools", RegisterTool("bad", "x", {"type": "object", "properties": {"n": {"type": "int"}}})
        )
    assert "bad" not in [tool.name for tool in await system.ask("tools", ListTools())]


async def test_registrations_are_bounded(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_REGISTERED", 2)
    await register(system, "one")
    await register(system, "two")
    await register(system, "two")
    with pytest.raises(Conflict, match="2 tools"):
        await register(system, "three")
