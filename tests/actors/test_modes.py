"""Messages that come while a turn runs, messages that come twice, and turns that begin again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from clawft.domain.models import ModelEvent, ModelRequest
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolResult
from clawft.domain.turns import MOST_ATTEMPTS
from clawft.errors import Cancelled, Conflict, ModelFailed
from clawft.messages.sessions import CreateSession, GetSession, OpenSession, PutMessage
from clawft.messages.tools import CallTool
from clawft.store.turns import TurnStore
from tests.actors.talk import Gate, Talk, calls, echo


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    yield talk
    await talk.stop()


async def said(talk: Talk, key: str) -> list[tuple[str, str]]:
    detail = await talk.system.ask("sessions", GetSession(key))
    return [(message.role, message.content) for message in detail.messages]


class Desk:
    """A model that calls the tool ``look`` once and then echoes; the tool waits to be opened."""

    def __init__(self, talk: Talk) -> None:
        self.begun, self.opened = asyncio.Event(), asyncio.Event()
        self.first = True
        talk.use_tool("look", self.look)
        talk.model.script = self.script

    async def look(self, call: CallTool) -> ToolResult:
        self.begun.set()
        await self.opened.wait()
        return ToolResult("seen")

    def script(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if self.first:
            self.first = False
            return calls(ToolCallInfo("c1", "look", "{}"))
        return echo(request)


async def test_a_steering_message_is_given_to_the_model_at_the_next_step(talk: Talk) -> None:
    desk, key = Desk(talk), await talk.session()
    first = talk.send(key, "look at it")
    await desk.begun.wait()
    waits = await talk.waits(key, "later")
    steers = await talk.waits(key, "be quick", mode="steer")
    desk.opened.set()
    assert (await first).content == (await steers).content == "You said: be quick"
    assert (await waits).content == "You said: later"
    roles = [message.role for message in talk.model.requests[1].messages]
    assert roles == ["system", "user", "assistant", "tool", "user"]
    turns = {turn.mode: turn for turn in await talk.turns(key)}
    assert (turns["steer"].state, turns["steer"].reason) == ("merged", "merged")
    story = next(turn for turn in await talk.turns(key) if turn.id == turns["steer"].merged_into)
    assert story.state == "done"


async def test_what_is_steered_in_stays_with_its_turn_in_what_is_shown_later(talk: Talk) -> None:
    desk, key = Desk(talk), await talk.session()
    first = talk.send(key, "look at it")
    await desk.begun.wait()
    await talk.waits(key, "be quick", mode="steer")
    desk.opened.set()
    await first
    await talk.send(key, "and now?")
    shown = [message.content for message in talk.model.requests[-1].messages if message.role == "user"]
    assert shown == ["look at it", "be quick", "and now?"]


async def test_a_steering_message_that_came_too_late_is_a_turn_of_its_own(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    steers = await talk.waits(key, "two", mode="steer")
    talk.model.script = echo
    first.cancel()
    assert (await steers).content == "You said: two"


async def test_messages_to_be_collected_become_one_turn(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    collected = [await talk.waits(key, text, mode="collect") for text in ("milk", "bread", "salt")]
    talk.model.script = echo
    gate.opened.set()
    await first
    answers = [(await reply).content for reply in collected]
    assert answers == ["You said: milk\n\nbread\n\nsalt"] * 3
    assert sorted(turn.state for turn in await talk.turns(key)) == ["done", "done", "merged", "merged"]
    assert len(await said(talk, key)) == 6


async def test_an_interrupting_message_ends_the_turn_and_is_next(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    waits = await talk.waits(key, "two")
    talk.model.script = echo
    interrupts = await talk.waits(key, "now!", mode="interrupt")
    with pytest.raises(Cancelled, match="another message took its place"):
        await first
    assert (await interrupts).content == "You said: now!"
    assert (await waits).content == "You said: two"
    assert [content for role, content in await said(talk, key) if role == "assistant"] == [
        "half an \n\n[stopped here: another message took its place]",
        "You said: now!",
        "You said: two",
    ]
    # What waited behind it was not shown to it as said before.
    shown = [m.content for request in talk.model.requests for m in request.messages if m.role == "user"]
    assert shown == ["one", "one", "now!", "one", "two", "now!"] or "two" not in shown[1:3]


@pytest.mark.parametrize("by", ["session", "agent"])
async def test_the_mode_can_be_chosen_by_session_and_by_agent(talk: Talk, by: str) -> None:
    if by == "agent":
        talk.give_agent(config={"message_mode": "collect"})
    mode = {"mode": "collect"} if by == "session" else {}
    key = (await talk.system.ask("sessions", CreateSession("general-agent", **mode))).key  # type: ignore[arg-type]
    gate = Gate()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    collected = [await talk.waits(key, text) for text in ("milk", "bread")]
    talk.model.script = echo
    gate.opened.set()
    await first
    assert [(await reply).content for reply in collected] == ["You said: milk\n\nbread"] * 2


# -- messages that come twice


async def test_the_same_key_is_answered_with_the_same_after_a_restart_too(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    talk.start()
    key = await talk.session()
    first = await talk.send(key, "Hello", idempotency_key="k1")
    assert await talk.send(key, "Hello", idempotency_key="k1") == first
    await talk.stop()
    talk = Talk(tmp_path / "data")
    talk.start()
    assert await talk.send(key, "Hello", idempotency_key="k1") == first
    assert len(await said(talk, key)) == 2
    with pytest.raises(Conflict, match="another message"):
        await talk.send(key, "Goodbye", idempotency_key="k1")
    other = await talk.session()
    assert (await talk.send(other, "Goodbye", idempotency_key="k1")).content == "You said: Goodbye"
    await talk.stop()


async def test_a_sender_who_comes_back_with_its_key_finds_the_turn_still_running(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "Hello", idempotency_key="k1")
    await gate.reached.wait()
    first.cancel()
    again = talk.send(key, "Hello", idempotency_key="k1")
    gate.opened.set()
    assert (await again).content == "half an answer"
    assert len(await talk.turns(key)) == 1


async def test_a_failure_is_repeated_as_a_failure(talk: Talk) -> None:
    def fails(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        raise ModelFailed("the model has no power")

    key = await talk.session()
    talk.model.script = fails
    for _ in range(2):
        with pytest.raises(ModelFailed, match="no power"):
            await talk.send(key, "Hello", idempotency_key="k1")
    assert len(talk.model.requests) == 1


async def test_the_host_puts_a_message_once(talk: Talk) -> None:
    key = await talk.session()
    note = PutMessage(key, "the child is done", "del-1")
    first = await talk.system.ask("sessions", note)
    again = await talk.system.ask("sessions", note)
    assert (again.turn_id, again.repeated, first.repeated) == (first.turn_id, True, False)
    await talk.until(lambda: "assistant: You said: the child is done" in talk.of(key))
    assert (await talk.system.ask("sessions", note)).repeated
    assert len(await said(talk, key)) == 2


# -- a host that died


async def die(talk: Talk, gate: Gate | None = None) -> Talk:
    """Stop and start again. The store is closed first, so what was open stays open, as after kill -9."""
    await talk.stop()
    again = Talk(talk.folder)
    again.tools = talk.tools
    if gate is not None:
        again.model.script = gate.script
    again.start()
    return again


async def running(talk: Talk, key: str, **more: str) -> Gate:
    gate = Gate()
    talk.model.script = gate.script
    talk.send(key, "one", **more)
    await gate.reached.wait()
    return gate


async def test_a_turn_without_effects_begins_again_and_is_answered(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    talk.start()
    key = await talk.session()
    await running(talk, key, request_id="req-1")
    left = await TurnStore(talk.store).open()
    again = await die(talk)
    await again.until(lambda: "assistant: You said: one" in again.of(key))
    (turn,) = await again.turns(key)
    assert (turn.id, turn.state, turn.attempts) == (left[0].id, "done", 2)
    await again.stop()


async def test_a_turn_that_the_host_died_under_twice_is_given_up(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    talk.start()
    key = await talk.session()
    await running(talk, key, request_id="req-1")
    for _ in range(MOST_ATTEMPTS - 1):
        gate = Gate()
        talk = await die(talk, gate)
        await gate.reached.wait()
    talk = await die(talk)
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason, turn.attempts) == ("interrupted", "host_died", MOST_ATTEMPTS)
    await talk.stop()


async def test_a_turn_that_may_have_changed_something_does_not_begin_again(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    begun = asyncio.Event()

    async def writes(call: CallTool) -> ToolResult:
        begun.set()
        await asyncio.Event().wait()
        return ToolResult("never")

    talk.use_tool("write", writes)
    talk.effects["write"] = "write"
    talk.start()
    key = await talk.session()
    talk.model.script = lambda _: calls(ToolCallInfo("c1", "write", "{}"))
    talk.send(key, "one", request_id="req-1")
    await begun.wait()
    left = await TurnStore(talk.store).open()
    steps = (await TurnStore(talk.store).story(key, left[0].id)).steps
    assert [(step.kind, step.status) for step in steps] == [("model", "done"), ("tool", "running")]
    again = await die(talk)
    (turn,) = await again.turns(key)
    assert (turn.state, turn.reason) == ("interrupted", "host_died")
    assert again.model.requests == []
    await again.stop()


async def test_a_childs_turn_does_not_begin_again(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    talk.start()
    await talk.system.ask("sessions", OpenSession("child", "general-agent", parent_key="sess-1", depth=1))
    await running(talk, "child", request_id="req-1")
    again = await die(talk)
    assert [turn.state for turn in await again.turns("child")] == ["interrupted"]
    await again.stop()
