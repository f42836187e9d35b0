"""A conversation, told what the two children would tell it: who is answered, what an interruption does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from clawft.actors.conversation import Conversation
from clawft.domain.events import Frame
from clawft.domain.sessions import ChatMessage
from clawft.domain.voice import BargeIn, Transcript, VoiceNews, VoiceState, VoiceTrouble, Wake
from clawft.domain.voice_wire import (
    AllSpoken,
    Cue,
    Hush,
    Listen,
    PartSpoken,
    PlayBegan,
    Played,
    PlayedOut,
    Playing,
    Recognise,
    Recognised,
    Rest,
    Resume,
    Speak,
    Speaking,
    SpeakingEnded,
    SpokenOut,
    StopSpeaking,
    Wait,
    Woke,
    Words,
)
from clawft.errors import Conflict, ModelFailed
from clawft.messages.events import Subscription
from clawft.messages.sessions import AmendAnswer, SendMessage, StopSession
from clawft.runtime import Reply
from tests.actors.moments import until


class Devices:
    """The children, as far as a conversation knows them."""

    def __init__(self) -> None:
        self.is_open = True
        self.io: list[Any] = []
        self.speech: list[Any] = []

    def to_io(self, message: Any) -> None:
        self.io.append(message)

    def to_speech(self, message: Any) -> None:
        self.speech.append(message)


class Table:
    """A conversation, and everybody around it."""

    def __init__(self) -> None:
        self.sound = Devices()
        self.news: list[VoiceNews] = []
        self.states: list[VoiceState] = []
        self.asked: list[Any] = []
        self.turns: list[Reply[ChatMessage]] = []
        self.listeners: dict[str, Callable[[Frame], None]] = {}
        self.messages = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.talk = Conversation(
            self.sound,  # type: ignore[arg-type]  # of which it uses three members
            ask=self.ask,
            side=self,
            background=self.background,
        )

    def background(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        return task

    def ask(self, target: str, message: Any) -> Reply[Any]:
        self.asked.append(message)
        if isinstance(message, SendMessage):
            self.turns.append(Reply())
            return self.turns[-1]
        if isinstance(message, Subscription):
            self.listeners[message.topic] = message.listener
            return Reply.of(())
        if isinstance(message, StopSession):
            self.turns[-1].cancel()
        return Reply.of(None)

    def tell_news(self, news: VoiceNews) -> None:
        self.news.append(news)

    def state_changed(self, state: VoiceState, transcript: str, response: str) -> None:
        self.states.append(state)

    def message_went(self) -> None:
        self.messages += 1

    # -- what happens

    def hears(self, *messages: Any) -> None:
        for message in messages:
            self.talk.heard_from(message)

    def utterance(self, number: int, text: str, **how: Any) -> None:
        """Somebody says something, and it is understood."""
        self.hears(
            Speaking(
                number, how.get("aside", False), how.get("interrupting", False), 0, how.get("played", 0.0)
            ),
            SpeakingEnded(number, "silence"),
            Words(number, text, final=True),
        )

    async def asks(self, number: int, text: str) -> None:
        self.utterance(number, text)
        await until(lambda: len(self.turns) == number)

    def chunk(self, text: str) -> None:
        body = msgspec.json.encode({"type": "stream_chunk", "content": text})
        self.listeners["session:voice"](Frame("session:voice", body))

    def answers(self, text: str) -> None:
        self.turns[-1].settle(ChatMessage("assistant", text, datetime.now(UTC)), None)

    def speaks(self, answer: int, *seconds: float) -> None:
        """Its sentences are synthesised, and the first sound is heard."""
        for part, length in enumerate(seconds):
            self.hears(PartSpoken(answer, part, length))
        self.hears(PlayBegan(answer))

    @property
    def said(self) -> list[str]:
        return [message.text for message in self.sound.speech if isinstance(message, Speak)]

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.asked if isinstance(message, kind)]


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    table = Table()
    yield table
    for task in table.tasks:
        task.cancel()


async def test_a_question_is_answered_sentence_by_sentence_while_the_answer_is_made(table: Table) -> None:
    table.hears(Woke("hey jarvis", taken=True))
    await table.asks(1, "what time is it")
    assert table.of(SendMessage)[0].content == "what time is it"
    table.chunk("It is nine. ")
    table.chunk("Time for **tea**")
    assert table.said == ["It is nine."]
    table.answers("It is nine. Time for **tea**")
    await until(lambda: SpokenOut(1) in table.sound.speech)
    assert table.said == ["It is nine.", "Time for tea"]
    table.speaks(1, 1.0, 1.0)
    table.hears(AllSpoken(1))
    assert PlayedOut(1) in table.sound.io
    table.hears(Played(1, 2.0))
    assert table.states == ["listening", "processing", "speaking", "idle"]
    assert table.sound.io[-1] == Rest()
    assert table.messages == 2


async def test_an_answer_that_does_not_stream_is_spoken_all_the_same(table: Table) -> None:
    await table.asks(1, "count to two")
    table.answers("One. Two.")
    await until(lambda: table.said == ["One.", "Two."])


async def test_in_talk_mode_it_listens_again_after_each_answer(table: Table) -> None:
    table.talk.set_talk(True)
    assert table.sound.io == [Listen(0.0)]
    await table.asks(1, "hello")
    table.answers("Hello.")
    await until(lambda: bool(table.said))
    table.speaks(1, 0.5)
    table.hears(Played(1, 0.5))
    assert table.talk.state == "listening"
    assert table.sound.io[-1] == Listen(0.0)


async def test_an_interruption_stops_the_turn_and_marks_what_was_not_heard(table: Table) -> None:
    await table.asks(1, "tell me a story")
    table.chunk("Once upon a time. There was a king. ")
    table.speaks(1, 2.0, 2.0)
    table.hears(Playing(1, 1.9), Speaking(2, False, True, 1, 2.0))
    assert table.talk.state == "listening"
    assert table.of(StopSession) == []  # nobody has said a word yet
    table.hears(Words(2, "what", final=False))
    await until(lambda: bool(table.of(AmendAnswer)))
    assert table.of(StopSession) == [StopSession("voice")]
    assert table.of(AmendAnswer)[0].content == (
        "Once upon a time. [interrupted here; not heard: There was a king.]"
    )
    assert Hush(1) in table.sound.io
    assert StopSpeaking(1) in table.sound.speech
    table.hears(SpeakingEnded(2, "silence"), Words(2, "what about lunch", final=True))
    await until(lambda: len(table.turns) == 2)
    assert table.of(SendMessage)[1].content == "what about lunch"


async def test_a_false_alarm_goes_on_where_it_was(table: Table) -> None:
    await table.asks(1, "tell me a story")
    table.chunk("Once upon a time. ")
    table.speaks(1, 2.0)
    table.hears(Speaking(2, False, True, 1, 0.7), SpeakingEnded(2, "silence"), Words(2, "", final=True))
    assert table.sound.io[-2:] == [Wait(), Resume()]
    assert table.talk.state == "speaking"
    assert table.news[-1] == BargeIn(0.7, false_alarm=True)
    assert table.of(StopSession) == []


@pytest.mark.parametrize("words", ["stop", "Cancel!"])
async def test_stop_ends_everything_in_any_state(table: Table, words: str) -> None:
    await table.asks(1, "work for an hour")
    table.utterance(2, words, aside=True)
    await until(lambda: bool(table.of(StopSession)))
    assert table.talk.state == "idle"
    assert table.sound.io[-1] == Cue("done")
    assert len(table.turns) == 1


async def test_what_is_said_while_it_thinks_is_told_and_not_taken(table: Table) -> None:
    await table.asks(1, "work for an hour")
    table.utterance(2, "how are you dear", aside=True)
    assert table.news[-1] == Transcript("how are you dear", final=True, taken=False)
    assert len(table.turns) == 1
    assert table.talk.state == "processing"


async def test_a_second_wake_word_while_it_thinks_begins_no_second_turn(table: Table) -> None:
    await table.asks(1, "work for an hour")
    table.hears(Woke("hey jarvis", taken=False))
    assert table.news[-1] == Wake("hey jarvis", taken=False)
    assert table.talk.state == "processing"
    assert table.of(StopSession) == []


async def test_the_wake_word_interrupts_an_answer(table: Table) -> None:
    await table.asks(1, "tell me a story")
    table.chunk("Once upon a time. ")
    table.speaks(1, 2.0)
    table.hears(Woke("hey jarvis", taken=True))
    assert table.talk.state == "listening"
    await until(lambda: bool(table.of(AmendAnswer)))


async def test_a_wake_word_names_its_agent(table: Table) -> None:
    table.talk.agents = {"okay nabu": "nabu"}
    table.hears(Woke("okay nabu", taken=True))
    await table.asks(1, "hello")
    assert table.of(SendMessage)[0].key == "voice-nabu"


async def test_nothing_said_after_the_wake_word_is_told_with_a_sound(table: Table) -> None:
    table.hears(Woke("hey jarvis", taken=True), SpeakingEnded(0, "nothing"))
    assert table.sound.io == [Cue("sorry"), Rest()]
    assert table.talk.state == "idle"


async def test_a_turn_that_fails_says_so(table: Table) -> None:
    await table.asks(1, "hello")
    table.turns[0].settle(None, ModelFailed("the model does not answer", reason="timeout"))
    await until(lambda: table.said == ["Sorry, that did not work."])
    assert VoiceTrouble("the model does not answer") in table.news


async def test_an_utterance_that_recognition_loses_is_an_error_and_no_turn(table: Table) -> None:
    table.hears(Woke("hey jarvis", taken=True), Speaking(1, False, False), SpeakingEnded(1, "silence"))
    table.hears(Words(1, "", final=True, error="pocketsphinx understands English only"))
    assert VoiceTrouble("pocketsphinx understands English only") in table.news
    assert table.talk.state == "idle"
    assert table.turns == []


async def test_a_device_that_is_lost_ends_the_answer_and_not_the_turn(table: Table) -> None:
    await table.asks(1, "tell me a story")
    table.chunk("Once upon a time. ")
    table.speaks(1, 2.0)
    table.talk.device_lost()
    assert table.talk.state == "idle"
    assert table.of(StopSession) == []
    assert not table.turns[0].done()


async def test_in_talk_mode_it_listens_when_the_device_is_back(table: Table) -> None:
    table.talk.set_talk(True)
    table.talk.device_lost()
    table.talk.device_opened()
    assert table.talk.state == "listening"


async def test_what_a_tool_hears_is_no_message(table: Table) -> None:
    hearing = asyncio.create_task(table.talk.hear(5.0))
    await until(lambda: Listen(5.0) in table.sound.io)
    table.utterance(1, "blue")
    assert await hearing == "blue"
    assert table.turns == []
    assert table.talk.state == "idle"


async def test_a_question_is_said_to_its_end_before_the_answer_is_waited_for(table: Table) -> None:
    """Else its own voice could answer it."""
    hearing = asyncio.create_task(table.talk.hear(5.0, "Which colour?"))
    await until(lambda: table.said == ["Which colour?"])
    table.speaks(1, 1.0)
    await asyncio.sleep(0)
    assert Listen(5.0) not in table.sound.io
    table.hears(Playing(1, 1.0))
    await until(lambda: Listen(5.0) in table.sound.io)
    hearing.cancel()


async def test_what_is_to_be_said_waits_for_what_is_being_said(table: Table) -> None:
    first = asyncio.create_task(table.talk.say("First."))
    second = asyncio.create_task(table.talk.say("Second."))
    await until(lambda: table.said == ["First."])
    table.speaks(1, 0.5)
    table.hears(Played(1, 0.5))
    await first
    await until(lambda: table.said == ["First.", "Second."])
    table.hears(Played(2, 0.5))
    await second


async def test_without_a_device_nothing_is_said(table: Table) -> None:
    table.sound.is_open = False
    with pytest.raises(Conflict):
        await table.talk.say("hello")
    with pytest.raises(Conflict):
        await table.talk.hear(1.0)


async def test_a_word_for_recognition_names_the_language(table: Table) -> None:
    table.talk.language = "de"
    table.hears(Speaking(7, False, False), SpeakingEnded(7, "nothing"))
    assert table.sound.speech == [Recognise(7, "de"), Recognised(7, wanted=False)]
