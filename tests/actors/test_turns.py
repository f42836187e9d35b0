"""Turns: in order, one at a time, stored before the work, stoppable, each with its end."""

import gc
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from clawft.actors.session import MOST_WAITING
from clawft.actors.turn import OpenTurn
from clawft.domain.models import ModelEvent, ModelRequest, TextDelta
from clawft.errors import (
    Busy,
    Cancelled,
    Conflict,
    ModelFailed,
    NotFound,
    StorageFull,
    Unavailable,
)
from clawft.messages.sessions import (
    CloseSessions,
    DeleteSession,
    GetSession,
    SendMessage,
    StopAgentTurns,
    StopSession,
)
from clawft.runtime import Reply
from clawft.store.runs import RunStore
from clawft.store.turns import TurnStore
from clawft.store.usage import UsageStore
from tests.actors.talk import SPENT, Gate, Talk, echo, says


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    yield talk
    await talk.stop()


async def said(talk: Talk, key: str) -> list[tuple[str, str]]:
    detail = await talk.system.ask("sessions", GetSession(key))
    return [(message.role, message.content) for message in detail.messages]


async def test_a_message_is_answered_and_both_are_kept(talk: Talk) -> None:
    key = await talk.session()
    answer = await talk.send(key, "Hello")
    assert (answer.role, answer.content, answer.tool_calls) == ("assistant", "You said: Hello", ())
    assert await said(talk, key) == [("user", "Hello"), ("assistant", "You said: Hello")]
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason, turn.model, turn.tier) == ("done", "answered", "script/model", 2)
    assert turn.usage == SPENT


async def test_a_turn_that_is_over_leaves_memory_without_the_collector(talk: Talk) -> None:
    gc.collect()  # what other tests have left
    key = await talk.session()
    gc.disable()
    try:
        for text in ("one", "two", "three"):
            await talk.send(key, text)
        await talk.until(lambda: not any(isinstance(each, OpenTurn) for each in gc.get_objects()))
    finally:
        gc.enable()


async def test_everything_is_told_in_order_and_only_when_it_is_kept(talk: Talk) -> None:
    key = await talk.session()
    await talk.send(key, "Hello")
    told = talk.of(key)
    assert told[0] == "user: Hello"
    assert "".join(each.removeprefix("chunk: ") for each in told[1:-2]) == "You said: Hello"
    assert told[-2:] == ["assistant: You said: Hello", "done"]


async def test_messages_sent_while_one_is_answered_wait_in_order(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    talk.model.script = echo
    later = [talk.send(key, content) for content in ("two", "three")]
    await talk.until(lambda: len(talk.of(key)) >= 4)
    assert [turn.state for turn in await talk.turns(key)] == ["queued", "queued", "running"]
    gate.opened.set()
    assert (await first).content == "half an answer"
    assert [(await reply).content for reply in later] == ["You said: two", "You said: three"]
    assert [content for role, content in await said(talk, key) if role == "user"] == ["one", "two", "three"]


async def test_a_model_sees_what_was_said_before_and_not_what_waits_behind(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    replies = [talk.send(key, "one")]
    await gate.reached.wait()
    talk.model.script = echo
    replies += [talk.send(key, "two"), talk.send(key, "three")]
    await talk.until(lambda: talk.of(key).count("user: three"))
    gate.opened.set()
    for reply in replies:
        await reply
    seen = [[message.content for message in request.messages[1:]] for request in talk.model.requests]
    assert seen[0] == ["one"]
    assert seen[1] == ["one", "half an answer", "two"]
    assert seen[2] == ["one", "half an answer", "two", "You said: two", "three"]


async def test_sessions_do_not_wait_for_each_other(talk: Talk) -> None:
    gate, slow, quick = Gate(), await talk.session(), await talk.session()
    talk.model.script = gate.script
    waiting = talk.send(slow, "one")
    await gate.reached.wait()
    talk.model.script = echo
    assert (await talk.send(quick, "two")).content == "You said: two"
    gate.opened.set()
    await waiting


async def test_more_than_may_wait_is_refused_and_not_stored(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    replies = [talk.send(key, str(number)) for number in range(MOST_WAITING + 1)]
    with pytest.raises(Busy) as refused:
        await talk.send(key, "one too many")
    assert refused.value.retry_after > 0
    gate.opened.set()
    for reply in replies:
        await reply
    assert len(await talk.turns(key)) == MOST_WAITING + 1


async def test_a_message_to_a_stopped_agent_is_refused_and_nothing_is_stored(talk: Talk) -> None:
    key = await talk.session()
    talk.stopped.add("general-agent")
    with pytest.raises(Conflict, match="general-agent is stopped"):
        await talk.send(key, "Hello")
    assert await said(talk, key) == []
    assert await talk.turns(key) == ()
    talk.stopped.clear()
    assert (await talk.send(key, "Hello")).content == "You said: Hello"


async def test_stop_ends_the_running_turn_and_what_waits_behind_it(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    second = talk.send(key, "two")
    await talk.until(lambda: "user: two" in talk.of(key))
    stopped = await talk.system.ask("sessions", StopSession(key))
    assert gate.cancelled.is_set()
    turns = await talk.turns(key)
    assert {turn.id for turn in turns} == set(stopped.stopped)
    assert [(turn.state, turn.reason) for turn in turns] == [("cancelled", "stopped")] * 2
    for reply in (first, second):
        with pytest.raises(Cancelled, match="the turn was stopped"):
            await reply
    assert talk.of(key)[-2:] == ["assistant: half an \n\n[stopped here]", "done"]


async def test_what_was_said_before_a_stop_is_kept_and_marked(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    talk.send(key, "one")
    await gate.reached.wait()
    await talk.system.ask("sessions", StopSession(key))
    assert await said(talk, key) == [("user", "one"), ("assistant", "half an \n\n[stopped here]")]


async def test_a_stopped_session_takes_the_next_message(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    talk.send(key, "one")
    await gate.reached.wait()
    await talk.system.ask("sessions", StopSession(key))
    talk.model.script = echo
    assert (await talk.send(key, "two")).content == "You said: two"


async def test_a_stop_that_comes_with_the_message_still_stops_it(talk: Talk) -> None:
    key = await talk.session()
    talk.model.script = Gate().script
    reply = talk.send(key, "one")
    stop = talk.system.ask("sessions", StopSession(key))
    await stop
    with pytest.raises(Cancelled):
        await reply
    assert all(turn.state == "cancelled" for turn in await talk.turns(key))


async def test_stopping_a_quiet_session_stops_nothing(talk: Talk) -> None:
    key = await talk.session()
    assert (await talk.system.ask("sessions", StopSession(key))).stopped == ()


async def test_a_client_that_goes_away_cancels_its_turn_and_only_its_own(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    gone = talk.send(key, "one")
    await gate.reached.wait()
    talk.model.script = echo
    other = talk.send(key, "two")
    gone.cancel()
    assert (await other).content == "You said: two"
    assert gate.cancelled.is_set()
    states = {turn.reason: turn.state for turn in await talk.turns(key)}
    assert states == {"client_gone": "cancelled", "answered": "done"}


async def test_a_client_whose_patience_ends_cancels_its_turn(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    reply = talk.system.ask("sessions", SendMessage(key, "one"), timeout=0.2)
    with pytest.raises(pykka.Timeout):
        await reply
    await gate.cancelled.wait()
    await talk.until(lambda: "done" in talk.of(key))
    assert (await talk.turns(key))[0].reason == "client_gone"


async def test_deleting_a_session_stops_its_work_and_forgets_it(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    reply = talk.send(key, "one")
    await gate.reached.wait()
    assert (await talk.system.ask("sessions", DeleteSession(key))).ok
    assert gate.cancelled.is_set()
    with pytest.raises(Cancelled, match="the session was deleted"):
        await reply
    assert talk.of(key)[-1:] == ["done"]
    with pytest.raises(NotFound):
        await talk.send(key, "two")
    assert [run.status for run in await RunStore(talk.store).list(10, key)] == ["error"]


async def test_stopping_an_agent_ends_its_turns_and_no_others(talk: Talk) -> None:
    gate, mine, other = Gate(), await talk.session(), await talk.session("offline-agent")
    talk.model.script = gate.script
    reply = talk.send(mine, "one")
    await gate.reached.wait()
    talk.system.tell("sessions", StopAgentTurns("general-agent"))
    with pytest.raises(Conflict, match="the agent was stopped"):
        await reply
    assert (await talk.turns(mine))[0].reason == "agent_stopped"
    assert "rules" in (await talk.send(other, "hello")).content


async def test_a_turn_that_waited_until_its_agent_was_stopped_does_not_run(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    first = talk.send(key, "one")
    await gate.reached.wait()
    second = talk.send(key, "two")
    await talk.until(lambda: "user: two" in talk.of(key))
    talk.stopped.add("general-agent")
    gate.opened.set()
    assert (await first).content == "half an answer"
    with pytest.raises(Conflict):
        await second
    assert (await talk.turns(key))[0].reason == "agent_stopped"


async def test_a_model_that_fails_leaves_a_worded_error(talk: Talk) -> None:
    async def fails(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("Well, ")
        raise ModelFailed("the model is out of order")

    key = await talk.session()
    talk.model.script = fails
    with pytest.raises(ModelFailed, match="out of order"):
        await talk.send(key, "one")
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason, turn.error) == ("failed", "model_error", "the model is out of order")
    assert (await said(talk, key))[1] == ("assistant", "Well, \n\n[broken off here: the model failed]")
    assert talk.of(key)[-1:] == ["done"]


async def test_a_model_that_breaks_is_named_and_its_inside_is_not_told(talk: Talk) -> None:
    async def breaks(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("")
        raise KeyError("secret inside")

    key = await talk.session()
    talk.model.script = breaks
    with pytest.raises(ModelFailed, match=r"the model script/model failed: KeyError$"):
        await talk.send(key, "one")


async def test_a_stream_without_an_end_is_a_failure(talk: Talk) -> None:
    async def stops(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("And then")

    key = await talk.session()
    talk.model.script = stops
    with pytest.raises(ModelFailed, match="broke off"):
        await talk.send(key, "one")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("acme/large", "no provider of models is called 'acme'"),
        ("large", "names no provider"),
        ("offline/rules-9", "no model called 'rules-9'"),
    ],
)
async def test_an_unknown_model_is_a_worded_error_and_no_silence(talk: Talk, model: str, words: str) -> None:
    key = await talk.session()
    talk.give_agent(model=model)
    with pytest.raises(ModelFailed, match=words):
        await talk.send(key, "one")
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason, turn.model) == ("failed", "model_error", model)
    assert await said(talk, key) == [("user", "one")]


async def test_a_turn_that_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    talk, gate = Talk(tmp_path / "data"), Gate()
    talk.start(time_limit=0.1)
    key = await talk.session()
    talk.model.script = gate.script
    answer = await talk.send(key, "one")
    assert answer.content == "half an \n\n[stopped here: the turn took longer than it may]"
    assert gate.cancelled.is_set()
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason) == ("failed", "time_limit")
    await talk.stop()


async def test_a_model_that_says_nothing_still_leaves_an_answer(talk: Talk) -> None:
    key = await talk.session()
    talk.model.script = lambda _: says()
    assert (await talk.send(key, "one")).content == ""
    assert await said(talk, key) == [("user", "one"), ("assistant", "")]


async def test_every_turn_leaves_one_run_and_its_usage_however_it_ends(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    await talk.send(key, "answered")
    talk.model.script = gate.script
    running = talk.send(key, "stopped while it runs")
    await gate.reached.wait()
    waiting = talk.send(key, "stopped while it waits")
    await talk.until(lambda: "user: stopped while it waits" in talk.of(key))
    await talk.system.ask("sessions", StopSession(key))
    for reply in (running, waiting):
        with pytest.raises(Cancelled):
            await reply
    turns, runs = await talk.turns(key), await RunStore(talk.store).list(10, key)
    assert len(turns) == len(runs) == 3
    assert sorted(run.status for run in runs) == ["error", "error", "success"]
    usage = await UsageStore(talk.store).tokens()
    assert usage.total_requests == 2
    (mine,) = usage.by_session
    assert mine.output_tokens == SPENT.output_tokens + 2  # "half an " is estimated


async def test_turns_the_last_host_left_open_are_interrupted_and_seen(tmp_path: Path) -> None:
    talk, gate = Talk(tmp_path / "data"), Gate()
    talk.start()
    key = await talk.session()
    talk.model.script = gate.script
    talk.send(key, "one")
    await gate.reached.wait()
    talk.send(key, "two")
    await talk.until(lambda: "user: two" in talk.of(key))
    left = await TurnStore(talk.store).open()
    await talk.stop()
    # As after kill -9: what the shutdown still wrote is taken back.
    again = Talk(tmp_path / "data")
    again.start()
    await _reopen(again, [turn.id for turn in left])
    again.system.restart("sessions")
    await again.until(lambda: again.system.inspect("sessions").restarts == 1)
    turns = await again.turns(key)
    assert [(turn.state, turn.reason) for turn in turns] == [("interrupted", "host_died")] * 2
    assert (await again.send(key, "three")).content == "You said: three"
    await again.stop()


async def _reopen(talk: Talk, ids: list[str]) -> None:
    from clawft.store.tables import RunRow, TurnRow

    def work() -> None:
        TurnRow.update(state="running", ended_at=None, reason=None).where(TurnRow.id.in_(ids)).execute()
        RunRow.delete().where(RunRow.turn_id.in_(ids)).execute()

    await talk.store.write(work)


async def test_closing_ends_every_turn_and_takes_no_more(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    reply = talk.send(key, "one")
    await gate.reached.wait()
    await talk.system.ask("sessions", CloseSessions())
    assert (await talk.turns(key))[0].reason == "host_stopped"
    with pytest.raises(Cancelled, match="shut down"):
        await reply
    with pytest.raises(Unavailable, match="shutting down"):
        await talk.send(key, "two")


async def test_a_session_sleeps_when_it_is_idle_and_never_with_an_open_turn(tmp_path: Path) -> None:
    talk, gate = Talk(tmp_path / "data"), Gate()
    talk.start(idle=0.02)
    busy, idle = await talk.session(), await talk.session()
    talk.model.script = gate.script
    reply = talk.send(busy, "one")
    await gate.reached.wait()
    talk.model.script = echo
    for _ in range(3):
        await talk.send(idle, "Hello")
        await talk.until(lambda: talk.awake() == [busy])
    gate.opened.set()
    assert (await reply).content == "half an answer"
    await talk.until(lambda: not talk.awake())
    assert (await talk.send(busy, "two")).content == "You said: two"
    await talk.stop()


async def test_an_answer_that_cannot_be_kept_is_no_success_and_is_kept_later(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, tries = TurnStore.finish, []

    def full_at_first(self: TurnStore, ended: Any) -> Reply[bool]:
        tries.append(ended)
        return Reply.failed(StorageFull("no room")) if len(tries) == 1 else finish(self, ended)

    monkeypatch.setattr(TurnStore, "finish", full_at_first)
    monkeypatch.setattr("clawft.actors.session.AGAIN", 0.01)
    key = await talk.session()
    with pytest.raises(StorageFull):
        await talk.send(key, "one")
    await talk.until(lambda: talk.of(key)[-1:] == ["done"])
    assert (await talk.turns(key))[0].state == "done"
    assert (await said(talk, key))[1] == ("assistant", "You said: one")


async def test_a_message_that_cannot_be_stored_is_refused(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TurnStore, "accept", lambda *_: Reply.failed(StorageFull("no room")))
    key = await talk.session()
    with pytest.raises(StorageFull):
        await talk.send(key, "one")
    assert talk.of(key) == []
    monkeypatch.undo()
    assert (await talk.send(key, "two")).content == "You said: two"
