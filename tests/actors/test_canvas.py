"""The canvas as an actor: what is drawn stays, is published, and hears what people do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import pytest

from clawft.actors.canvas import Canvas
from clawft.actors.tools_canvas import RenderUi
from clawft.domain.canvas import CanvasCommand, CanvasInteraction, parse
from clawft.domain.events import CanvasChanged
from clawft.domain.sessions import ChatMessage
from clawft.domain.tools import ToolCall, argument_check
from clawft.errors import Busy, ClawftError, Conflict, Invalid, NotFound
from clawft.messages.canvas import Draw, GetCanvas, Interact
from clawft.messages.events import Publish
from clawft.messages.sessions import SendMessage
from clawft.runtime import Actor, Ask, System, on
from clawft.store import Store
from clawft.store.canvas import CanvasStore
from tests.actors.recorder import Recorder, of_kind


class Said(Ask[tuple[SendMessage, ...]], frozen=True):
    """What the sessions were sent."""


class Sessions(Actor):
    """In the place of ``sessions``: takes messages, but not for every key."""

    refusals: dict[str, Exception] = {
        "sess-gone": NotFound("no session has the key sess-gone"),
        "sess-stopped": Conflict("the agent is stopped"),
        "sess-full": Busy("too many messages wait"),
        "sess-broken": ClawftError("the model failed"),
    }

    def __init__(self) -> None:
        super().__init__()
        self._said: list[SendMessage] = []

    @on(SendMessage)
    def send(self, message: SendMessage) -> ChatMessage:
        if message.key in self.refusals:
            raise self.refusals[message.key]
        self._said.append(message)
        return ChatMessage("assistant", "fine", datetime.now(UTC))

    @on(Said)
    def said(self, _: Said) -> tuple[SendMessage, ...]:
        return tuple(self._said)


heard_by: WeakKeyDictionary[System, list[Any]] = WeakKeyDictionary()


def published(system: System) -> list[CanvasChanged]:
    """What was published, in order."""
    return of_kind([note.event for note in of_kind(heard_by[system], Publish)], CanvasChanged)


@asynccontextmanager
async def host(folder: Path, events: type[Recorder] = Recorder) -> AsyncIterator[System]:
    system = System("test")
    system.attach()
    store = Store.open(system, folder)
    heard_by[system] = []
    system.spawn(events, "events", heard_by[system])
    system.spawn(Sessions, "sessions")
    system.spawn(Canvas, "canvas", store=CanvasStore(store))
    yield system
    store.close()
    assert await system.shutdown(5) == ()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with host(tmp_path / "data") as system:
        yield system


def render(id: str, **more: Any) -> dict[str, Any]:
    return {
        "command": "render",
        "id": id,
        "element": {"type": "button", "label": id, "action": f"do-{id}"},
    } | more


async def draw(system: System, *commands: dict[str, Any], session: str = "sess-1") -> int:
    count = 0
    for raw in commands:
        count = await system.ask("canvas", Draw(parse(raw), session))
    return count


async def ids(system: System) -> list[str]:
    return [each.id for each in await system.ask("canvas", GetCanvas())]


async def test_what_is_drawn_is_there_and_survives_a_restart(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as system:
        assert await draw(system, render("a"), render("b"), render("c", position=1)) == 3
        await draw(system, {"command": "remove", "id": "a"}, session="sess-2")
        drawn = await system.ask("canvas", GetCanvas())
    async with host(tmp_path / "data") as system:
        assert await system.ask("canvas", GetCanvas()) == drawn
        assert [each.id for each in drawn] == ["c", "b"]
        await draw(system, {"command": "reset"})
    async with host(tmp_path / "data") as system:
        assert await ids(system) == []


async def test_a_restarted_canvas_is_as_it_was(system: System) -> None:
    await draw(system, render("a"), render("b"))
    system.restart("canvas")
    assert await ids(system) == ["a", "b"]


async def test_each_change_is_published_as_it_was_checked(system: System) -> None:
    chart = {"command": "render", "id": "c", "element": {"type": "chart", "data": [], "chartType": "pie"}}
    await draw(
        system, render("a"), {"command": "batch", "commands": [chart, {"command": "remove", "id": "a"}]}
    )
    first, second = published(system)
    assert first == CanvasChanged(parse(render("a")))
    sent = msgspec.to_builtins(second.command)["commands"][0]["element"]
    assert (sent["chart_type"], sent["chartType"]) == ("pie", "pie")


async def test_a_batch_that_fails_changes_and_publishes_nothing(system: System, tmp_path: Path) -> None:
    await draw(system, render("a"))
    batch = {
        "command": "batch",
        "commands": [render("b"), {"command": "update", "id": "x", "element": render("x")["element"]}],
    }
    with pytest.raises(NotFound, match=r"commands\[1\]"):
        await draw(system, batch)
    assert await ids(system) == ["a"]
    assert len(published(system)) == 1


async def test_a_command_made_by_hand_is_checked_too(system: System) -> None:
    with pytest.raises(Invalid, match=r"\$\.element\.type"):
        await system.ask("canvas", Draw(CanvasCommand("render", id="a", element={"type": "applet"})))


async def test_a_change_that_could_not_be_kept_did_not_happen(system: System) -> None:
    await draw(system, render("a"))
    writer = system.find("store")
    writer.halt("the disk is gone")
    assert writer.actor_stopped.wait(5)
    with pytest.raises(Exception, match="store"):
        await draw(system, render("b"))
    assert await ids(system) == ["a"]
    assert len(published(system)) == 1


class Stuck(Recorder):
    """In the place of ``events``: never ready, with room for one message."""

    mailbox_limit = 1

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        await asyncio.Event().wait()


async def test_a_drawing_that_cannot_be_told_of_is_drawn_and_a_dead_letter(tmp_path: Path) -> None:
    async with host(tmp_path / "data", events=Stuck) as system:
        assert await draw(system, render("a"), render("b")) == 2
        (letter,) = system.dead_letters.recent()
        assert (letter.path, letter.message) == ("events", Publish(CanvasChanged(parse(render("b")))))


async def test_an_asker_that_gives_up_leaves_memory_and_store_agreed(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as system:
        assert await ids(system) == []  # it has started
        for number in range(20):
            reply = system.ask("canvas", Draw(parse(render(f"e{number}"))))
            for _ in range(number):  # from before the handler's first step to while the store commits
                await asyncio.sleep(0)
            reply.cancel()
        drawn = await ids(system)
        assert drawn
        assert drawn == [each.command.id for each in published(system)]
    async with host(tmp_path / "data") as system:
        assert await ids(system) == drawn


async def test_an_interaction_is_told_to_the_session_that_drew_the_element(system: System) -> None:
    await draw(system, render("save"), session="sess-7")
    await system.ask("canvas", Interact(CanvasInteraction("click", "save")))
    (message,) = await system.ask("sessions", Said())
    assert message.key == "sess-7"
    assert (
        message.content
        == '[canvas] The user clicked the button \'save\' (element `save`). Data: {"action":"do-save"}'
    )


async def test_an_interaction_with_what_is_not_there_is_an_error(system: System) -> None:
    await draw(system, render("mine"), session="")
    with pytest.raises(NotFound, match="the id ghost"):
        await system.ask("canvas", Interact(CanvasInteraction("click", "ghost")))
    with pytest.raises(Conflict, match="no agent drew mine"):
        await system.ask("canvas", Interact(CanvasInteraction("click", "mine")))
    assert system.inspect("canvas").restarts == 0


@pytest.mark.parametrize("session", ["sess-gone", "sess-stopped", "sess-full"])
async def test_an_interaction_nobody_took_is_a_dead_letter(system: System, session: str) -> None:
    await draw(system, render("a"), session=session)
    await system.ask("canvas", Interact(CanvasInteraction("click", "a")))
    await system.ask("sessions", Said())
    (letter,) = system.dead_letters.recent()
    assert (letter.path, letter.message.key) == ("sessions", session)


async def test_a_turn_that_failed_is_no_dead_letter(system: System) -> None:
    await draw(system, render("a"), session="sess-broken")
    await system.ask("canvas", Interact(CanvasInteraction("click", "a")))
    await system.ask("sessions", Said())
    assert system.dead_letters.count == 0


@pytest.fixture
def use(system: System) -> Callable[[dict[str, Any]], Any]:
    tool = RenderUi(system)
    check = argument_check(tool.spec.parameters)

    async def used(arguments: dict[str, Any]) -> str:
        assert (complaint := check(arguments)) is None, complaint
        return (await tool.run(ToolCall("render_ui", arguments, "sess-3", "general-agent"))).content

    return used


async def test_render_ui_draws_for_its_session(system: System, use: Callable[[dict[str, Any]], Any]) -> None:
    assert await use(render("a")) == "done; the canvas has 1 element now"
    assert (
        await use({"command": "batch", "commands": [render("b"), render("c")]})
        == "done; the canvas has 3 elements now"
    )
    assert {each.session_key for each in await system.ask("canvas", GetCanvas())} == {"sess-3"}
    assert await use({"command": "reset"}) == "done; the canvas has 0 elements now"


async def test_render_ui_says_what_is_wrong(use: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(Invalid, match=r"\$\.element\.type"):
        await use({"command": "render", "id": "a", "element": {"type": "video"}})
    with pytest.raises(Invalid, match=r"\$\.id"):
        await use({"command": "remove"})


def test_render_ui_names_every_kind_of_element() -> None:
    described = RenderUi.spec.parameters["properties"]["element"]["description"]
    assert "chart{data{label, value}, chart_type?: bar|line|pie" in described
    assert "form_advanced{fields{name, label" in described
