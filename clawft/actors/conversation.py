"""A conversation held aloud: who is heard, what is answered, what becomes of it when somebody interrupts."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from clawft.actors.answer import Answer
from clawft.actors.asks import Asks
from clawft.actors.sound import Sound
from clawft.domain import spoken
from clawft.domain.events import Frame
from clawft.domain.sessions import VOICE_SESSION, ChatMessage
from clawft.domain.topics import chunks_of
from clawft.domain.voice import (
    BargeIn,
    Language,
    Transcript,
    VoiceLevel,
    VoiceNews,
    VoiceState,
    VoiceTrouble,
    Wake,
)
from clawft.domain.voice_wire import (
    AllSpoken,
    Credit,
    Cue,
    EnginesReady,
    Hush,
    Level,
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
    Trouble,
    Wait,
    Woke,
    Words,
)
from clawft.errors import Cancelled, ClawftError, Conflict
from clawft.messages.events import Subscription
from clawft.messages.sessions import AmendAnswer, OpenSession, SendMessage, StopSession
from clawft.runtime import Reply

log = logging.getLogger(__name__)

WORDS_WITHIN = 10.0
"""Seconds recognition may take after the end of an utterance."""
FIRST_WORD = 8.0
"""Seconds to begin to speak after the wake word."""
QUIET_WITHIN = 60.0
"""Seconds to wait until what is being said is over, before somebody is asked something."""


@dataclass
class Utterance:
    """What is being said, or is being recognised."""

    number: int
    aside: bool
    interrupting: bool
    is_over: bool = False


class Side(Protocol):
    """What a conversation tells, and whom: the voice device."""

    def tell_news(self, news: VoiceNews) -> None: ...
    def state_changed(self, state: VoiceState, transcript: str, response: str) -> None: ...
    def message_went(self) -> None: ...


class Conversation:
    """Everything in it happens on the loop's thread; what takes time are tasks in ``background``."""

    def __init__(
        self,
        sound: Sound,
        *,
        ask: Asks,
        side: Side,
        background: Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"],
    ) -> None:
        self._sound, self._ask, self._side, self._background = sound, ask, side, background
        self.language: Language = "en"
        self.agents: dict[str, str] = {}
        """By wake phrase, the agent it names."""
        self.state: VoiceState = "idle"
        self.talk = False
        """Talk mode: it listens again after each answer."""
        self.cues = True
        self._session = VOICE_SESSION
        self._followed: set[str] = set()
        self._utterance: Utterance | None = None
        self._answer: Answer | None = None
        self._numbers = itertools.count(1)
        self._wanted: asyncio.Future[str] | None = None
        """Somebody (a tool, an approval) waits for words that are no message."""
        self._quiet = asyncio.Event()
        self._over = asyncio.Event()
        self._over.set()
        self._cutting: asyncio.Task[None] | None = None
        """Ends an earlier turn."""
        self._transcript = ""
        self._deadline: asyncio.TimerHandle | None = None

    # -- what people do

    def set_talk(self, active: bool) -> None:
        self.talk = active
        if active and self.state == "idle":
            self._listen(patience=0.0)
        elif not active:
            self.stop()
        self._set(self.state, always=True)

    def stop(self) -> None:
        """Whatever is under way ends: the answer, its turn, the listening."""
        self._cut()
        self._forget_utterance()
        self._give("")
        self._rest()

    def interrupt(self) -> None:
        """The answer ends; in talk mode it listens on."""
        self._cut()
        self._forget_utterance()
        self._next()

    async def say(self, text: str) -> None:
        """Say it, after what is being said. Returns when it was."""
        if not self._sound.is_open:
            raise Conflict("there is no sound card that could say it")
        if (answer := self._answer) is not None and not answer.is_whole:
            self._speak(answer, answer.say(text))
            return
        await self._over.wait()
        answer = self._begin_answer("")
        self._sound.to_io(Wait())
        self._speak(answer, answer.finish(text))
        self._sound.to_speech(SpokenOut(answer.number))
        await self._over.wait()

    async def hear(self, seconds: float, question: str = "") -> str:
        """The next words somebody says, which are no message; empty: none. ``question`` is said first."""
        if not self._sound.is_open:
            raise Conflict("there is no microphone that could hear it")
        if self._wanted is not None:
            raise Conflict("somebody is being listened to already")
        own = None if self._answer is not None or not question else self._begin_answer("")
        if question and self._answer is not None:
            self._speak(self._answer, self._answer.say(question))
        wanted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wanted = wanted
        try:
            await self._until_quiet()
            self._sound.to_io(Listen(seconds))
            self._set("listening")
            async with asyncio.timeout(seconds + 20):
                return await wanted
        except TimeoutError:
            return ""
        finally:
            self._wanted = None
            if own is not None and own is self._answer:
                self._sound.to_io(Hush(own.number))
                self._finish(own)
            if self._answer is not None:
                self._sound.to_io(Wait())
                self._set("processing")
            elif self.state != "idle":
                self._next()

    async def _until_quiet(self) -> None:
        answer = self._answer
        if answer is None:
            return
        async with asyncio.timeout(QUIET_WITHIN):
            while self._answer is answer and not answer.is_quiet:
                self._quiet.clear()
                await self._quiet.wait()

    # -- what the children say

    def heard_from(self, message: Any) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is not None:
            handler(self, message)

    def device_lost(self) -> None:
        """Nobody hears the rest of the answer; its turn goes on, and is in the chat."""
        self._forget_utterance()
        if (answer := self._answer) is not None:
            self._sound.to_speech(StopSpeaking(answer.number))
            self._finish(answer)
        self._give("")
        self._set("idle")

    def device_opened(self) -> None:
        if self.talk:
            self._listen(patience=0.0)

    def speech_died(self) -> None:
        """What it was recognising, and what it was about to say, is lost."""
        self._forget_utterance()
        if (answer := self._answer) is not None:
            self._sound.to_io(Hush(answer.number))
            self._finish(answer)
        if self.state != "idle":
            self._next()

    def _level(self, message: Level) -> None:
        self._side.tell_news(VoiceLevel(message.level))

    def _trouble(self, message: Trouble) -> None:
        self._side.tell_news(VoiceTrouble(message.message))

    def _engines(self, message: EnginesReady) -> None:
        if message.error:
            self._side.tell_news(VoiceTrouble(message.error))

    def _woke(self, message: Woke) -> None:
        self._side.tell_news(Wake(message.phrase, message.taken))
        if not message.taken:
            return
        self._cut()
        agent = self.agents.get(message.phrase, "")
        self._session = f"{VOICE_SESSION}-{agent}" if agent else VOICE_SESSION
        self._set("listening")

    def _speaking(self, message: Speaking) -> None:
        self._utterance = Utterance(message.utterance, message.aside, message.interrupting)
        self._sound.to_speech(Recognise(message.utterance, self.language))
        if message.interrupting and self._answer is not None:
            self._answer.played, self._answer.is_held = message.played, True
            self._side.tell_news(BargeIn(round(message.played, 3)))
        if not message.aside:
            self._set("listening")

    def _speaking_ended(self, message: SpeakingEnded) -> None:
        utterance = self._utterance
        if utterance is None or utterance.number != message.utterance:
            if self._utterance is None and message.why == "nothing" and self.state == "listening":
                self._nothing(None)
            return
        utterance.is_over = True
        if message.why == "nothing":
            self._sound.to_speech(Recognised(message.utterance, wanted=False))
            self._nothing(utterance)
            return
        self._sound.to_speech(Recognised(message.utterance))
        self._mind(WORDS_WITHIN, lambda: self._final(utterance, "", "recognition took too long"))
        if not utterance.aside:
            self._set("processing")

    def _words(self, message: Words) -> None:
        utterance = self._utterance
        if utterance is None or message.utterance != utterance.number:
            return
        if message.final:
            self._final(utterance, message.text, message.error)
            return
        self._side.tell_news(Transcript(message.text, final=False))
        if utterance.interrupting:
            self._interrupted()

    # -- what was said

    def _final(self, utterance: Utterance, text: str, error: str) -> None:
        self._mind(0.0, None)
        self._utterance = None
        if error:
            self._side.tell_news(VoiceTrouble(error))
            log.warning("an utterance was lost: %s", error)
            self._nothing(utterance)
        elif not text:
            self._nothing(utterance)
        elif self._wanted is not None:
            self._side.tell_news(Transcript(text, final=True))
            self._give(text)
        elif spoken.is_stop(text, self.language):
            self._side.tell_news(Transcript(text, final=True, taken=False))
            self._stopped_aloud()
        elif utterance.aside and not utterance.interrupting:
            self._side.tell_news(Transcript(text, final=True, taken=False))
        else:
            self._interrupted()
            self._side.tell_news(Transcript(text, final=True))
            self._take(text)

    def _stopped_aloud(self) -> None:
        talk = self.talk
        self.stop()
        if self.cues:
            self._sound.to_io(Cue("done"))
        if talk:
            self._listen(patience=0.0)

    def _nothing(self, utterance: Utterance | None) -> None:
        """Nobody had said anything, or nothing that was understood."""
        self._utterance = None
        answer = self._answer
        if utterance is not None and utterance.interrupting and answer is not None and answer.is_held:
            answer.is_held = False
            self._side.tell_news(BargeIn(round(answer.played, 3), false_alarm=True))
            self._sound.to_io(Wait())
            self._sound.to_io(Resume())
            self._set("speaking")
        elif self._wanted is not None:
            self._give("")
        elif answer is None:
            if self.cues and not self.talk:
                self._sound.to_io(Cue("sorry"))
            self._next()

    def _interrupted(self) -> None:
        """Somebody did say something: the answer ends here."""
        if (answer := self._answer) is not None and answer.is_held:
            self._cut()
            self._set("listening" if self._utterance and not self._utterance.is_over else "processing")

    def _give(self, text: str) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(text)

    def _forget_utterance(self) -> None:
        self._mind(0.0, None)
        if self._utterance is not None:
            self._sound.to_speech(Recognised(self._utterance.number, wanted=False))
            self._utterance = None

    def _mind(self, seconds: float, then: Callable[[], None] | None) -> None:
        """Do this, if nothing else has happened by then."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if then is not None:
            self._deadline = asyncio.get_running_loop().call_later(seconds, then)

    # -- the turn

    def _take(self, text: str) -> None:
        self._cut()
        self._sound.to_io(Wait())
        self._transcript = text
        self._side.message_went()
        answer = self._begin_answer(self._session)
        self._set("processing")
        self._background(self._turn(answer, text))

    async def _turn(self, answer: Answer, text: str) -> None:
        try:
            if self._cutting is not None:
                await asyncio.wait((self._cutting,))
            await self._follow(answer.session)
            if answer is not self._answer:
                return
            answer.reply = self._ask("sessions", SendMessage(answer.session, text, mode="interrupt"))
            content = (await answer.reply).content
        except Cancelled:
            content = ""
        except ClawftError as error:
            self._side.tell_news(VoiceTrouble(str(error)))
            content = f"{answer.streamed} {spoken.SORRY[self.language]}".strip()
        if answer is self._answer:
            self._speak(answer, answer.finish(content))
            self._sound.to_speech(SpokenOut(answer.number))

    async def _follow(self, session: str) -> None:
        """Hear a session's answers as they are made."""
        if session in self._followed:
            return
        if session != VOICE_SESSION:
            await self._ask("sessions", OpenSession(session, session.removeprefix(f"{VOICE_SESSION}-")))
        self._followed.add(session)
        await self._ask("events", Subscription(chunks_of(session), lambda frame: self._chunk(session, frame)))

    def _chunk(self, session: str, frame: Frame) -> None:
        answer = self._answer
        if answer is None or answer.session != session or answer.reply is None or answer.is_whole:
            return
        chunk = _chunks.decode(frame.body)
        if chunk.type == "stream_chunk":
            self._speak(answer, answer.add(chunk.content))

    def _begin_answer(self, session: str) -> Answer:
        self._answer = Answer(next(self._numbers), session)
        self._over.clear()
        return self._answer

    def _speak(self, answer: Answer, sentences: tuple[str, ...]) -> None:
        first = len(answer.sentences) - len(sentences)
        for part, text in enumerate(sentences, start=first):
            self._sound.to_speech(Speak(answer.number, part, text, self.language))

    def _part_spoken(self, message: PartSpoken) -> None:
        if (answer := self._current(message.answer)) is not None:
            answer.seconds[message.part] = message.seconds
            self._quiet.set()
        if message.error:
            self._side.tell_news(VoiceTrouble(message.error))

    def _all_spoken(self, message: AllSpoken) -> None:
        self._sound.to_io(PlayedOut(message.answer))

    def _play_began(self, message: PlayBegan) -> None:
        if (answer := self._current(message.answer)) is not None:
            answer.is_begun = True
            self._set("speaking")

    def _playing(self, message: Playing) -> None:
        if (answer := self._current(message.answer)) is not None:
            answer.played = message.seconds
            self._sound.to_speech(Credit(message.answer, message.seconds))
            self._quiet.set()

    def _played(self, message: Played) -> None:
        if (answer := self._current(message.answer)) is None:
            return
        answer.played = message.seconds
        self._quiet.set()
        if answer.session:
            self._side.message_went()
        self._finish(answer)
        self._next()

    def _current(self, number: int) -> Answer | None:
        return self._answer if self._answer is not None and self._answer.number == number else None

    def _cut(self) -> None:
        """The answer ends here: turn and sound; what was heard of it is kept, and marked what was not."""
        if (answer := self._answer) is None:
            return
        self._sound.to_io(Hush(answer.number))
        self._sound.to_speech(StopSpeaking(answer.number))
        self._finish(answer)
        if answer.reply is not None:
            self._cutting = self._background(self._end_turn(answer, answer.reply))

    async def _end_turn(self, answer: Answer, reply: Reply[ChatMessage]) -> None:
        """The turn's message, as far as it goes, is on the disk before it is amended."""
        try:
            if not reply.done():
                await self._ask("sessions", StopSession(answer.session))
            if answer.sentences:
                await self._ask("sessions", AmendAnswer(answer.session, answer.as_heard))
        except ClawftError as error:
            log.warning("what was heard of an answer could not be kept: %s", error)

    def _finish(self, answer: Answer) -> None:
        if self._answer is answer:
            self._answer = None
            self._quiet.set()
            self._over.set()

    # -- states

    def _next(self) -> None:
        """After an exchange."""
        if self.talk and self._sound.is_open:
            self._listen(patience=0.0)
        else:
            self._rest()

    def _listen(self, *, patience: float = FIRST_WORD) -> None:
        self._sound.to_io(Listen(patience))
        self._set("listening")

    def _rest(self) -> None:
        self._sound.to_io(Rest())
        self._set("idle")

    def _set(self, state: VoiceState, *, always: bool = False) -> None:
        if state == self.state and not always:
            return
        self.state = state
        answer = self._answer
        response = " ".join(answer.sentences) if answer is not None and state == "speaking" else ""
        self._side.state_changed(state, self._transcript if state != "idle" else "", response)


class _Chunk(msgspec.Struct, frozen=True):
    type: str
    content: str = ""


_chunks = msgspec.json.Decoder(_Chunk)

_HANDLERS: dict[type, Callable[[Conversation, Any], None]] = {
    Level: Conversation._level,
    Trouble: Conversation._trouble,
    EnginesReady: Conversation._engines,
    Woke: Conversation._woke,
    Speaking: Conversation._speaking,
    SpeakingEnded: Conversation._speaking_ended,
    Words: Conversation._words,
    PartSpoken: Conversation._part_spoken,
    AllSpoken: Conversation._all_spoken,
    PlayBegan: Conversation._play_began,
    Playing: Conversation._playing,
    Played: Conversation._played,
}
