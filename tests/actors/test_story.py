"""The story of a turn: every step with what it took, told while it runs and after a restart."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from clawft.actors import pipeline
from clawft.actors.guards import Guard, LimitReached, ModelAsk, ToolAsk
from clawft.domain.models import ModelEvent, ModelRequest, TextDelta
from clawft.domain.results import ALL, LEAST, ONE, Room, cut
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolResult
from clawft.domain.turns import ModelCall
from clawft.domain.values import UNSET
from clawft.errors import Cancelled, NotFound
from clawft.messages.sessions import GetTurn, Halted, OpenSession, ReadResult, StopSession
from clawft.messages.tools import CallTool
from tests.actors.talk import SPENT, Gate, Talk, calls, echo, says


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    yield talk
    await talk.stop()


def calling(talk: Talk, *wanted: ToolCallInfo) -> None:
    """The model wants these calls, and then says what it got."""
    asked = iter((True, False))
    talk.model.script = lambda request: (
        calls(*wanted) if next(asked, False) else says(request.messages[-1].content[:20])
    )


def look(number: int = 1) -> ToolCallInfo:
    return ToolCallInfo(f"c{number}", "look", f'{{"n":{number}}}')


async def looks(call: CallTool) -> ToolResult:
    return ToolResult(f"saw {call.arguments}")


async def test_a_story_tells_every_step_in_order(talk: Talk) -> None:
    talk.use_tool("look", looks)
    calling(talk, look(1), ToolCallInfo("c2", "hammer", "{}"))
    key = await talk.session()
    await talk.send(key, "Hello", request_id="req-1")
    story = await talk.story(key)
    assert (story.state, story.reason, story.request_id, story.attempts) == ("done", "answered", "req-1", 1)
    assert [message.role for message in story.messages] == ["user", "assistant"]
    assert [(step.number, step.kind, step.name, step.status) for step in story.steps] == [
        (1, "model", "script/model", "done"),
        (2, "tool", "look", "done"),
        (3, "tool", "hammer", "failed"),
        (4, "model", "script/model", "done"),
    ]
    model, seen, unknown, _ = story.steps
    assert (model.usage, model.tier) == (SPENT, 2)
    assert (seen.call_id, seen.arguments, seen.result) == ("c1", '{"n":1}', "saw {'n': 1}")
    assert (unknown.reason, unknown.error) == ("no_such_tool", "this agent has no tool called hammer")
    assert all(step.ended_at > step.started_at for step in story.steps if step.ended_at)


async def test_a_running_turn_tells_what_it_is_at(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    second = await talk.waits(key, "two")
    third = await talk.waits(key, "three")
    states = {turn.id: (turn.state, turn.position) for turn in await talk.turns(key)}
    assert set(states.values()) == {("running", UNSET), ("queued", 1), ("queued", 2)}
    running = next(id for id, (state, _) in states.items() if state == "running")
    story = await talk.system.ask("sessions", GetTurn(key, running))
    assert [(step.kind, step.status) for step in story.steps] == [("model", "running")]
    gate.opened.set()
    await asyncio.gather(first, second, third)


async def test_a_story_of_another_session_is_not_found(talk: Talk) -> None:
    key, other = await talk.session(), await talk.session()
    await talk.send(key, "Hello")
    (turn,) = await talk.turns(key)
    with pytest.raises(NotFound, match="has no turn"):
        await talk.system.ask("sessions", GetTurn(other, turn.id))


async def test_a_long_result_is_shown_cut_and_kept_whole(talk: Talk) -> None:
    text = "".join(f"{number:06d} " for number in range(10_000))

    async def floods(call: CallTool) -> ToolResult:
        return ToolResult(text)

    talk.use_tool("look", floods)
    calling(talk, look(1))
    key = await talk.session()
    await talk.send(key, "Hello")
    shown = talk.model.requests[-1].messages[-1].content
    assert len(shown) < ONE + 200
    assert "read_result with call_id 'c1'" in shown
    part = await talk.system.ask("sessions", ReadResult(key, "c1", 69_990, 100))
    assert (part.content, part.size, part.offset) == (text[69_990:], 70_000, 69_990)
    step = (await talk.story(key)).steps[1]
    assert step.result_size == 70_000
    assert len(str(step.result)) < 2_100
    with pytest.raises(NotFound, match="no tool call"):
        await talk.system.ask("sessions", ReadResult(key, "c9"))


def test_results_share_the_room_of_their_turn() -> None:
    room = Room()
    shown = [len(room.take("x" * 100_000, "c")) for _ in range(20)]
    assert shown[0] == pytest.approx(ONE, abs=200)
    assert shown[-1] == pytest.approx(LEAST, abs=200)
    assert sum(shown) < ALL + 20 * (LEAST + 200)


def test_what_fits_is_not_cut() -> None:
    assert cut("short", 5, "c1") == "short"


async def test_a_stop_says_what_it_cut_off(talk: Talk) -> None:
    begun = asyncio.Event()

    async def hangs(call: CallTool) -> ToolResult:
        begun.set()
        await asyncio.Event().wait()
        return ToolResult("never")

    talk.use_tool("look", hangs)
    calling(talk, look(1))
    key = await talk.session()
    reply = talk.send(key, "Hello")
    await begun.wait()
    stopped = await talk.system.ask("sessions", StopSession(key))
    story = await talk.story(key)
    assert stopped.stopped == (story.id,)
    assert stopped.halted == (Halted(story.id, "tool", "look", "c1"),)
    assert [(step.kind, step.status, step.reason) for step in story.steps][1:] == [
        ("tool", "cancelled", "stopped")
    ]
    with pytest.raises(Cancelled):
        await reply


async def test_a_stop_after_the_step_lets_it_end(talk: Talk) -> None:
    begun, opened = asyncio.Event(), asyncio.Event()

    async def waits(call: CallTool) -> ToolResult:
        begun.set()
        await opened.wait()
        return ToolResult("seen")

    talk.use_tool("look", waits)
    calling(talk, look(1))
    key = await talk.session()
    reply = talk.send(key, "Hello")
    await begun.wait()
    behind = await talk.waits(key, "next")
    stopped = await talk.system.ask("sessions", StopSession(key, "after_step"))
    assert (len(stopped.stopped), len(stopped.stopping)) == (1, 1)
    opened.set()
    answer = await reply
    assert answer.content == "[stopped here]"
    assert isinstance(answer.tool_calls, tuple)
    assert answer.tool_calls[0].result == "seen"
    assert len(talk.model.requests) == 1
    assert [turn.reason for turn in await talk.turns(key)] == ["stopped", "stopped"]
    with pytest.raises(Cancelled):
        await behind


class Watch(Guard):
    """Keeps what it was asked; holds tools called ``hammer`` and ends a turn at its third model call."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.counted: list[str] = []
        self.tools: list[str] = []
        self.opened = asyncio.Event()

    async def before_model(self, ask: ModelAsk) -> None:
        self.models.append(ask.whose.request_id)
        if len(self.models) > 2:
            raise LimitReached("budget_reached", "stopped here: the day's $1.00 are spent")

    def after_model(self, ask: ModelAsk, call: ModelCall) -> None:
        self.counted.append(call.status)

    async def before_tool(self, ask: ToolAsk) -> ToolResult | None:
        self.tools.append(ask.call.arguments)
        if ask.arguments == {"n": 2}:
            return ToolResult("the operator said no", is_error=True)
        await self.opened.wait()
        return None

    async def after_tool(self, ask: ToolAsk, result: ToolResult) -> ToolResult:
        return ToolResult(f"<{result.content}>")


async def test_guards_are_asked_before_and_told_after_and_their_time_is_not_the_turns(tmp_path: Path) -> None:
    talk, watch = Talk(tmp_path / "data"), Watch()
    talk.start(guards=(watch,), time_limit=0.3)
    talk.use_tool("look", looks)
    calling(talk, look(1), look(2))
    key = await talk.session()
    reply = talk.send(key, "Hello", request_id="req-1")
    await talk.until(lambda: watch.tools)
    await asyncio.sleep(0.4)
    watch.opened.set()
    answer = await reply
    assert isinstance(answer.tool_calls, tuple)
    assert [call.result for call in answer.tool_calls] == ["<saw {'n': 1}>", "the operator said no"]
    assert (watch.models, watch.counted) == (["req-1", "req-1"], ["success", "success"])
    assert (await talk.story(key)).steps[2].reason == "refused"
    answer = await talk.send(key, "Again")
    assert answer.content == "[stopped here: the day's $1.00 are spent]"
    assert (await talk.turns(key))[0].reason == "budget_reached"
    await talk.stop()


@pytest.mark.parametrize(
    ("parent", "reason"), [("", "answered"), ("sess-1", "client_gone")], ids=["a client", "a parent"]
)
async def test_a_parked_turn_goes_on_when_a_client_leaves_and_ends_with_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: str, reason: str
) -> None:
    monkeypatch.setattr(pipeline, "PARKED_AFTER", 0.0)
    talk, watch = Talk(tmp_path / "data"), Watch()
    talk.start(guards=(watch,))
    talk.use_tool("look", looks)
    calling(talk, look(1))
    await talk.system.ask("sessions", OpenSession("parked", "general-agent", parent_key=parent))
    reply = talk.send("parked", "Hello", request_id="req-1")
    await talk.until(lambda: watch.tools)
    reply.cancel()
    await asyncio.sleep(0.02)
    watch.opened.set()
    await talk.until(lambda: "done" in talk.of("parked"))
    assert (await talk.turns("parked"))[0].reason == reason
    await talk.stop()


async def test_a_model_that_does_not_let_go_does_not_hold_up_the_stop(talk: Talk) -> None:
    reached, freed = asyncio.Event(), asyncio.Event()

    async def clings(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        reached.set()
        while not freed.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await freed.wait()
        yield TextDelta("too late")

    talk.model.script = clings
    key = await talk.session()
    reply = talk.send(key, "Hello")
    await reached.wait()
    began = asyncio.get_running_loop().time()
    await talk.system.ask("sessions", StopSession(key))
    assert asyncio.get_running_loop().time() - began < 0.25
    with pytest.raises(Cancelled):
        await reply
    freed.set()
    talk.model.script = echo
    assert (await talk.send(key, "Again")).content == "You said: Again"
    assert not any("too late" in said for said in talk.of(key))
