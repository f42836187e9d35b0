"""Approval by voice: only the exact phrase allows, and only once."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from clawft.actors.spoken_approval import TRIES, SpokenApproval
from clawft.domain.approvals import Approval
from clawft.domain.events import Frame
from clawft.domain.voice import Language, VoiceState
from clawft.messages.approvals import Decide
from clawft.runtime import Reply

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Person:
    """Somebody at the device, who answers by ``replies``; ``PHRASE`` stands for what was asked for."""

    language: Language = "en"
    state: VoiceState = "processing"

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.questions: list[str] = []
        self.decisions: list[Decide] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.approval = SpokenApproval(self, ask=self.ask, background=self.background)

    async def hear(self, seconds: float, question: str = "") -> str:
        self.questions.append(question)
        phrase = question.rsplit("approve ", 1)[1].split(".")[0]
        return self.replies.pop(0).replace("PHRASE", phrase)

    def ask(self, target: str, message: Any) -> Reply[Any]:
        self.decisions.append(message)
        return Reply.of(None)

    def background(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    async def is_asked(self, session: str = "voice") -> list[str]:
        approval = Approval(
            "apr-1", session, "a", "turn-1", "call-1", "exec_shell", '{"command":"ls"}', "", "open", NOW, NOW
        )
        body = msgspec.json.encode({"type": "event", "data": approval})
        self.approval._heard(Frame("approval:update", body))
        await asyncio.gather(*self.tasks)
        return [decision.decision for decision in self.decisions]


async def test_the_exact_phrase_allows() -> None:
    person = Person("Approve PHRASE!")
    assert await person.is_asked() == ["approve"]
    assert "exec_shell" in person.questions[0]
    assert "ls" in person.questions[0]


@pytest.mark.parametrize("words", ["no", "stop", "Deny."])
async def test_a_refusal_refuses(words: str) -> None:
    assert await Person(words).is_asked() == ["deny"]


@pytest.mark.parametrize("words", ["yes", "approve", "approve it", "PHRASE", "approve PHRASE now"])
async def test_nothing_else_allows_and_it_is_asked_again(words: str) -> None:
    person = Person(*[words] * TRIES)
    assert await person.is_asked() == []
    assert len(person.questions) == TRIES


async def test_silence_leaves_it_open_for_other_ways() -> None:
    assert await Person("").is_asked() == []


async def test_the_phrase_is_another_one_each_time() -> None:
    phrases = set()
    for _ in range(20):
        person = Person("no")
        await person.is_asked()
        phrases.add(person.questions[0].rsplit("approve ", 1)[1])
    assert len(phrases) > 5


async def test_only_what_a_spoken_turn_wants_is_asked_aloud() -> None:
    person = Person("no")
    assert await person.is_asked("sess-1") == []
    person.state = "idle"
    assert await person.is_asked("voice") == []
    assert person.questions == []
