"""Sessions: made, listed, read, exported, deleted."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawft.domain.agents import AgentSpec
from clawft.domain.sessions import VOICE_SESSION, SessionSummary
from clawft.errors import NotFound
from clawft.messages.sessions import (
    CountSessions,
    CreateSession,
    DeleteSession,
    ExportSession,
    GetSession,
    ListSessions,
    ListTurns,
    OpenSession,
    SendMessage,
    StopSession,
)
from clawft.runtime import Ask
from tests.actors.talk import Talk


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    yield talk
    await talk.stop()


async def listed(talk: Talk) -> list[str]:
    return [summary.key for summary in await talk.system.ask("sessions", ListSessions())]


async def test_a_new_session_is_empty_and_listed(talk: Talk) -> None:
    made = await talk.system.ask("sessions", CreateSession("general-agent"))
    assert made.key.startswith("sess-")
    assert (made.agent_id, made.message_count) == ("general-agent", 0)
    assert await talk.system.ask("sessions", ListSessions()) == (made,)


async def test_a_session_needs_an_agent_that_exists(talk: Talk) -> None:
    with pytest.raises(NotFound, match="no agent has the id nobody"):
        await talk.system.ask("sessions", CreateSession("nobody"))
    assert await listed(talk) == []


async def test_the_session_used_last_comes_first_and_counts_its_messages(talk: Talk) -> None:
    first, second = await talk.session(), await talk.session()
    await talk.send(first, "Hello")
    assert await listed(talk) == [first, second]
    detail = await talk.system.ask("sessions", GetSession(first))
    assert (detail.message_count, len(detail.messages)) == (2, 2)


async def test_an_export_holds_every_message(talk: Talk) -> None:
    key = await talk.session()
    await talk.send(key, "one")
    await talk.send(key, "two")
    export = await talk.system.ask("sessions", ExportSession(key))
    assert [message.content for message in export.messages] == [
        "one",
        "You said: one",
        "two",
        "You said: two",
    ]


@pytest.mark.parametrize(
    "question",
    [GetSession, ExportSession, DeleteSession, ListTurns, StopSession, lambda key: SendMessage(key, "Hello")],
)
@pytest.mark.parametrize("key", ["sess-nobody", "", "x" * 5000, "../sess", "voice/../x"])
async def test_a_key_that_no_session_has_is_not_found(
    talk: Talk, question: type[Ask[object]], key: str
) -> None:
    with pytest.raises(NotFound, match="no session has the key"):
        await talk.system.ask("sessions", question(key))


async def test_unknown_keys_leave_no_actors_behind(talk: Talk) -> None:
    for number in range(20):
        with pytest.raises(NotFound):
            await talk.send(f"sess-{number}", "Hello")
    await talk.until(lambda: not talk.awake())


async def test_a_deleted_session_is_gone_and_can_be_deleted_once(talk: Talk) -> None:
    key = await talk.session()
    await talk.send(key, "Hello")
    await talk.system.ask("sessions", DeleteSession(key))
    assert await listed(talk) == []
    with pytest.raises(NotFound):
        await talk.system.ask("sessions", DeleteSession(key))


async def test_the_voice_session_is_made_by_its_first_message(talk: Talk) -> None:
    with pytest.raises(NotFound):
        await talk.system.ask("sessions", GetSession(VOICE_SESSION))
    answers = await asyncio.gather(*(_answer(talk, VOICE_SESSION, text) for text in ("one", "two")))
    assert answers == ["You said: one", "You said: two"]
    detail = await talk.system.ask("sessions", GetSession(VOICE_SESSION))
    assert (detail.agent_id, detail.message_count) == ("general-agent", 4)
    assert await talk.system.ask("sessions", CountSessions()) == 1


async def test_without_the_default_agent_the_voice_session_has_the_first_there_is(talk: Talk) -> None:
    talk.specs["a-agent"] = AgentSpec("a-agent", model="script/model")
    del talk.specs["general-agent"], talk.specs["offline-agent"]
    await talk.send(VOICE_SESSION, "Hello")
    assert (await talk.system.ask("sessions", GetSession(VOICE_SESSION))).agent_id == "a-agent"


async def _answer(talk: Talk, key: str, text: str) -> str:
    return (await talk.send(key, text)).content


async def test_opening_a_session_twice_makes_it_once(talk: Talk) -> None:
    opening = OpenSession("cron-1", "general-agent")
    first, second = await asyncio.gather(*(_opened(talk, opening) for _ in range(2)))
    assert first == second
    await talk.send("cron-1", "Hello")
    assert (await _opened(talk, opening)).message_count == 2
    assert await talk.system.ask("sessions", CountSessions()) == 1


async def _opened(talk: Talk, opening: OpenSession) -> SessionSummary:
    return await talk.system.ask("sessions", opening)


async def test_a_session_opened_for_a_model_uses_it(talk: Talk) -> None:
    await talk.system.ask("sessions", OpenSession("child", "general-agent", model="offline/rules-1"))
    assert "rules" in (await talk.send("child", "hello")).content
    assert (await talk.turns("child"))[0].model == "offline/rules-1"


async def test_the_count_is_right_at_any_time(talk: Talk) -> None:
    key = await talk.session()
    await talk.session()
    assert await talk.system.ask("sessions", CountSessions()) == 2
    await talk.system.ask("sessions", DeleteSession(key))
    assert await talk.system.ask("sessions", CountSessions()) == 1


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "data")
    talk.start()
    key = await talk.session()
    await talk.send(key, "one")
    await talk.stop()
    talk.start()
    assert await talk.system.ask("sessions", CountSessions()) == 1
    await talk.send(key, "two")
    shown = [message.content for message in talk.model.requests[-1].messages]
    assert shown == ["Be kind.", "one", "You said: one", "two"]
    await talk.stop()
