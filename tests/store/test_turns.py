"""Turns, and what they leave behind."""

import sqlite3
from datetime import datetime
from typing import Any

import msgspec
import pytest

from clawft.domain.context import Said
from clawft.domain.costs import Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage, SessionRecord
from clawft.domain.turns import EndedTurn, ModelCall, Turn
from clawft.errors import Conflict, NotFound
from clawft.store import Store
from clawft.store.runs import RunStore
from clawft.store.sessions import SessionStore
from clawft.store.turns import TurnStore
from clawft.store.usage import UsageStore
from tests.store.conftest import NOW, after

WAIT = 10.0
USAGE = Usage(input_tokens=10, output_tokens=5, cost_usd=0.3, input_cost_usd=0.1, output_cost_usd=0.2)


@pytest.fixture
def turns(store: Store) -> TurnStore:
    SessionStore(store).create(SessionRecord("sess-1", "general-agent", NOW)).get(timeout=WAIT)
    return TurnStore(store)


def queued(number: int = 1, at: datetime = NOW) -> Turn:
    return Turn(f"turn-{number}", "sess-1", "general-agent", "queued", at)


def asked(content: str = "Hello") -> ChatMessage:
    return ChatMessage("user", content, NOW)


def ended(turn: Turn, **more: Any) -> EndedTurn:
    """The turn as it is when it was answered."""
    members = {
        "state": "done",
        "reason": "answered",
        "ended_at": after(3),
        "usage": USAGE,
        "model": "offline/rules-1",
    }
    turn = msgspec.structs.replace(
        turn, **{**members, "started_at": after(1), "tier": 2, "complexity": 0.2, **more}
    )
    run = PipelineRun(f"run-{turn.id}", "sess-1", "offline/rules-1", 0.2, 3000, "success", after(3))
    call = ModelCall("offline", "rules-1", 2, USAGE, "success", after(2))
    return EndedTurn(turn, run, (call,), ChatMessage("assistant", "Hi!", after(3), ()))


def begun(turns: TurnStore, turn: Turn) -> Turn:
    turns.accept(turn, asked()).get(timeout=WAIT)
    turns.begin(turn.id, after(1)).get(timeout=WAIT)
    return msgspec.structs.replace(turn, state="running", started_at=after(1), attempts=1)


def test_an_accepted_message_and_its_turn_are_kept_together(store: Store, turns: TurnStore) -> None:
    turns.accept(queued(), asked()).get(timeout=WAIT)
    assert turns.list("sess-1").get(timeout=WAIT) == (queued(),)
    assert SessionStore(store).latest("sess-1", 9).get(timeout=WAIT).messages == (Said(1, "turn-1", asked()),)


def test_a_turn_that_cannot_be_kept_takes_its_message_along(store: Store, turns: TurnStore) -> None:
    turns.accept(queued(), asked("first")).get(timeout=WAIT)
    with pytest.raises(sqlite3.IntegrityError):
        turns.accept(queued(), asked("second")).get(timeout=WAIT)
    assert SessionStore(store).messages("sess-1").get(timeout=WAIT) == (asked("first"),)


def test_a_turn_of_an_unknown_session_is_not_accepted(turns: TurnStore) -> None:
    turn = msgspec.structs.replace(queued(), session_key="sess-9")
    with pytest.raises(NotFound, match="sess-9"):
        turns.accept(turn, asked()).get(timeout=WAIT)
    assert turns.open().get(timeout=WAIT) == ()


def test_a_turn_begins_once(turns: TurnStore) -> None:
    running = begun(turns, queued())
    assert turns.open().get(timeout=WAIT) == (running,)
    with pytest.raises(Conflict, match="turn-1 is not waiting"):
        turns.begin("turn-1", after(2)).get(timeout=WAIT)


def test_a_finished_turn_leaves_its_answer_its_run_and_its_usage(store: Store, turns: TurnStore) -> None:
    done = ended(begun(turns, queued()))
    assert turns.finish(done).get(timeout=WAIT) is True
    assert turns.list("sess-1").get(timeout=WAIT) == (done.turn,)
    assert SessionStore(store).messages("sess-1").get(timeout=WAIT) == (asked(), done.message)
    assert RunStore(store).list().get(timeout=WAIT) == (done.run,)
    assert UsageStore(store).tokens().get(timeout=WAIT).total_input == 10


def test_a_turn_ends_once(store: Store, turns: TurnStore) -> None:
    done = ended(begun(turns, queued()))
    turns.finish(done).get(timeout=WAIT)
    again = msgspec.structs.replace(done, run=msgspec.structs.replace(done.run, id="run-again"))
    with pytest.raises(Conflict, match="turn-1 has already ended"):
        turns.finish(again).get(timeout=WAIT)
    assert RunStore(store).list().get(timeout=WAIT) == (done.run,)
    assert SessionStore(store).get("sess-1").get(timeout=WAIT).message_count == 2


def test_a_turn_that_has_not_ended_cannot_be_finished(store: Store, turns: TurnStore) -> None:
    running = begun(turns, queued())
    with pytest.raises(ValueError, match="has not ended"):
        turns.finish(msgspec.structs.replace(ended(running), turn=running)).get(timeout=WAIT)
    assert RunStore(store).list().get(timeout=WAIT) == ()


def test_a_turn_may_end_before_it_began_and_without_a_word(store: Store, turns: TurnStore) -> None:
    turns.accept(queued(), asked()).get(timeout=WAIT)
    cancelled = Turn(
        "turn-1", "sess-1", "general-agent", "cancelled", NOW, ended_at=after(1), reason="stopped"
    )
    run = PipelineRun("run-1", "sess-1", "", 0.0, 0, "error", after(1))
    turns.finish(EndedTurn(cancelled, run)).get(timeout=WAIT)
    assert turns.list("sess-1").get(timeout=WAIT) == (cancelled,)
    assert SessionStore(store).messages("sess-1").get(timeout=WAIT) == (asked(),)


def test_what_was_spent_stays_when_the_session_went_before_its_turn_ended(
    store: Store, turns: TurnStore
) -> None:
    done = ended(begun(turns, queued()))
    SessionStore(store).delete("sess-1").get(timeout=WAIT)
    assert turns.finish(done).get(timeout=WAIT) is False
    assert RunStore(store).list(session_key="sess-1").get(timeout=WAIT) == (done.run,)
    assert UsageStore(store).costs().get(timeout=WAIT).total_cost_usd == pytest.approx(0.3)


def test_open_turns_are_listed_first_then_the_newest(turns: TurnStore) -> None:
    for number in (1, 2, 3):
        turns.finish(ended(begun(turns, queued(number, after(number))))).get(timeout=WAIT)
    turns.accept(queued(0, after(0)), asked()).get(timeout=WAIT)
    listed = turns.list("sess-1").get(timeout=WAIT)
    assert [turn.id for turn in listed] == ["turn-0", "turn-3", "turn-2", "turn-1"]
    assert [turn.id for turn in turns.list("sess-1", limit=2).get(timeout=WAIT)] == ["turn-0", "turn-3"]


def test_turns_left_open_are_interrupted_each_with_its_run(store: Store, turns: TurnStore) -> None:
    running = begun(turns, queued(1))
    waiting = queued(2, after(1))
    turns.accept(waiting, asked()).get(timeout=WAIT)
    turns.finish(ended(begun(turns, queued(3, after(2))))).get(timeout=WAIT)
    interrupted = turns.interrupt_open(after(60)).get(timeout=WAIT)
    assert interrupted.again == ()
    assert [(turn.id, turn.state, turn.reason) for turn in interrupted.ended] == [
        (running.id, "interrupted", "host_died"),
        (waiting.id, "interrupted", "host_died"),
    ]
    assert turns.open().get(timeout=WAIT) == ()
    runs = {run.id: (run.status, run.latency_ms) for run in RunStore(store).list().get(timeout=WAIT)}
    assert runs == {"run-1": ("error", 59_000), "run-2": ("error", 59_000), "run-turn-3": ("success", 3000)}
    assert turns.interrupt_open(after(61)).get(timeout=WAIT) == ((), ())


def test_runs_are_listed_newest_first_and_by_session(store: Store, turns: TurnStore) -> None:
    for number in (1, 2, 3):
        done = ended(begun(turns, queued(number)))
        run = msgspec.structs.replace(done.run, timestamp=after(number))
        turns.finish(msgspec.structs.replace(done, run=run)).get(timeout=WAIT)
    runs = RunStore(store)
    assert [run.id for run in runs.list(2).get(timeout=WAIT)] == ["run-turn-3", "run-turn-2"]
    assert runs.list(session_key="sess-2").get(timeout=WAIT) == ()
