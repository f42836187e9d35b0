"""Sessions and their messages, at rest."""

import asyncio
from typing import Any

import pytest

from clawft.domain import topics
from clawft.domain.events import MessageAdded
from clawft.domain.sessions import ChatMessage, SessionRecord, SessionSummary, ToolCallInfo
from clawft.errors import Conflict, NotFound
from clawft.store import Store
from clawft.store.events import EventStore
from clawft.store.sessions import SessionStore
from tests.store.conftest import NOW, after

WAIT = 10.0


@pytest.fixture
def sessions(store: Store) -> SessionStore:
    return SessionStore(store)


def record(key: str, seconds: float = 0, **more: Any) -> SessionRecord:
    return SessionRecord(key=key, agent_id="general-agent", created_at=after(seconds), **more)


def said(content: str, seconds: float = 0) -> ChatMessage:
    return ChatMessage("user", content, after(seconds))


def test_a_new_session_is_listed_and_empty(sessions: SessionStore) -> None:
    made = sessions.create(record("sess-1")).get(timeout=WAIT)
    assert made == SessionSummary("sess-1", "general-agent", 0, NOW)
    assert sessions.list().get(timeout=WAIT) == (made,)
    assert sessions.get("sess-1").get(timeout=WAIT).messages == ()


def test_a_key_is_given_once(sessions: SessionStore) -> None:
    sessions.create(record("sess-1", model="offline/rules-1")).get(timeout=WAIT)
    with pytest.raises(Conflict, match="sess-1"):
        sessions.create(record("sess-1")).get(timeout=WAIT)
    found = sessions.find("sess-1").get(timeout=WAIT)
    assert found is not None
    assert found.model == "offline/rules-1"


def test_what_a_session_was_made_with_comes_back(sessions: SessionStore) -> None:
    made = record("sess-2", model="offline/rules-1", parent_key="sess-1", depth=2)
    sessions.create(made).get(timeout=WAIT)
    assert sessions.find("sess-2").get(timeout=WAIT) == made
    assert sessions.find("sess-3").get(timeout=WAIT) is None


def test_messages_come_back_whole_and_in_order(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    call = ToolCallInfo("call-1", "read_file", '{"path": "a"}', "text")
    messages = (said("Grüße 👋\x00end"), ChatMessage("assistant", "", after(1), (call,)), said("", 2))
    sessions.append("sess-1", messages).get(timeout=WAIT)
    detail = sessions.get("sess-1").get(timeout=WAIT)
    assert detail.messages == messages
    assert (detail.message_count, detail.updated_at) == (3, after(2))
    assert sessions.messages("sess-1").get(timeout=WAIT) == messages


def test_an_assistants_empty_list_of_calls_is_kept_as_such(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    answer = ChatMessage("assistant", "Hi", NOW, ())
    sessions.append("sess-1", [answer]).get(timeout=WAIT)
    assert sessions.messages("sess-1").get(timeout=WAIT) == (answer,)


def test_the_most_recently_used_session_is_first(sessions: SessionStore) -> None:
    for number in (1, 2, 3):
        sessions.create(record(f"sess-{number}", number)).get(timeout=WAIT)
    sessions.append("sess-1", [said("again", 60)]).get(timeout=WAIT)
    listed = sessions.list().get(timeout=WAIT)
    assert [session.key for session in listed] == ["sess-1", "sess-3", "sess-2"]


@pytest.mark.parametrize("ask", ["get", "messages", "delete"])
def test_an_unknown_key_is_not_found(sessions: SessionStore, ask: str) -> None:
    with pytest.raises(NotFound, match="no session has the key sess-9"):
        getattr(sessions, ask)("sess-9").get(timeout=WAIT)


def test_a_message_to_an_unknown_session_leaves_nothing(sessions: SessionStore) -> None:
    with pytest.raises(NotFound):
        sessions.append("sess-9", [said("hello")]).get(timeout=WAIT)
    assert sessions.latest("sess-9", 10).get(timeout=WAIT) == ("", ())


def test_the_latest_answer_is_amended_and_nothing_else(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    answers = [ChatMessage("assistant", text, after(1)) for text in ("first", "second")]
    sessions.append("sess-1", (said("a"), answers[0], said("b"), answers[1], said("c"))).get(timeout=WAIT)
    sessions.amend("sess-1", "heard").get(timeout=WAIT)
    sessions.amend("sess-2", "nobody").get(timeout=WAIT)
    contents = [message.content for message in sessions.messages("sess-1").get(timeout=WAIT)]
    assert contents == ["a", "first", "b", "heard", "c"]


def test_what_was_told_of_a_deleted_session_is_forgotten_too(sessions: SessionStore, store: Store) -> None:
    kept = EventStore(store)
    for key in ("sess-1", "sess-2"):
        sessions.create(record(key)).get(timeout=WAIT)
        drafts = topics.drafts(MessageAdded(key, said(f"secret of {key}")))
        frames = [topics.encode(draft, NOW, int(key[-1])) for draft in drafts]
        kept.append(frames, NOW).get(timeout=WAIT)
    sessions.delete("sess-1").get(timeout=WAIT)
    left = kept.since("chat:message", 0).get(timeout=WAIT) + kept.since("sessions:sess-2", 0).get(
        timeout=WAIT
    )
    assert [b"secret of sess-2" in frame.body for frame in left] == [True, True]
    assert kept.since("sessions:sess-1", 0).get(timeout=WAIT) == ()


def test_a_deleted_session_takes_its_messages_along(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    sessions.append("sess-1", [said("hello")]).get(timeout=WAIT)
    sessions.delete("sess-1").get(timeout=WAIT)
    sessions.create(record("sess-1")).get(timeout=WAIT)
    assert sessions.get("sess-1").get(timeout=WAIT).messages == ()


def test_only_the_latest_messages_are_read_when_a_few_are_enough(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    sessions.append("sess-1", [said(str(number), number) for number in range(10)]).get(timeout=WAIT)
    latest = sessions.latest("sess-1", 3).get(timeout=WAIT)
    assert latest.summary == ""
    assert [(said.seq, said.turn_id, said.message.content) for said in latest.messages] == [
        (8, None, "7"),
        (9, None, "8"),
        (10, None, "9"),
    ]


def test_a_summary_stands_for_what_was_said_before_and_nothing_is_lost(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    sessions.append("sess-1", [said(str(number), number) for number in range(10)]).get(timeout=WAIT)
    sessions.sum_up("sess-1", 7, "They counted.", NOW).get(timeout=WAIT)
    sessions.sum_up("sess-1", 8, "They counted on.", NOW).get(timeout=WAIT)
    latest = sessions.latest("sess-1", 5).get(timeout=WAIT)
    assert (latest.summary, [each.seq for each in latest.messages]) == ("They counted on.", [9, 10])
    assert len(sessions.messages("sess-1").get(timeout=WAIT)) == 10
    sessions.sum_up("sess-9", 1, "Nobody.", NOW).get(timeout=WAIT)
    assert sessions.latest("sess-9", 5).get(timeout=WAIT) == ("", ())


def test_sessions_are_counted_by_agent(sessions: SessionStore) -> None:
    sessions.create(record("sess-1")).get(timeout=WAIT)
    sessions.create(SessionRecord("sess-2", "other", NOW)).get(timeout=WAIT)
    sessions.create(SessionRecord("sess-3", "other", NOW)).get(timeout=WAIT)
    assert sessions.count().get(timeout=WAIT) == 3
    assert sessions.count_by_agent().get(timeout=WAIT) == {"general-agent": 1, "other": 2}


async def test_many_appends_at_once_are_numbered_without_gaps(sessions: SessionStore) -> None:
    await sessions.create(record("sess-1"))
    await asyncio.gather(*(sessions.append("sess-1", [said(str(number))]) for number in range(200)))
    messages = await sessions.messages("sess-1")
    assert [message.content for message in messages] == [str(number) for number in range(200)]
