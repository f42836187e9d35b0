"""``voice-speech``: the process that recognises and speaks.

Run as ``python -P -m clawft.drivers.audio.speech_child``. Apart from the host and from the sound card because
pocketsphinx holds the interpreter for as long as it decodes.
"""

import os
import queue
import threading
import time
from collections.abc import Callable

from clawft.domain.voice_wire import (
    Alive,
    AllSpoken,
    Credit,
    EnginesReady,
    Heard,
    PartSpoken,
    Quit,
    Recognise,
    Recognised,
    SetSpeech,
    Speak,
    Spoken,
    SpokenOut,
    StopSpeaking,
    Synthesise,
    Synthesised,
    ToSpeech,
    Transcribe,
    Transcribed,
    Words,
)
from clawft.drivers.audio.engines import RATE, EngineFailed, Recogniser, Synthesiser
from clawft.drivers.audio.speech_engines import recogniser, synthesiser
from clawft.drivers.audio.wire import ChildEnd

AHEAD = 3.0
"""Seconds synthesis may run ahead of what was played."""
ALIVE_EVERY = 0.5
LONGEST = 30
"""Seconds of an utterance; what comes after is not recognised."""


class Failing:
    """In the place of an engine that could not be made: says why, each time."""

    languages: tuple[str, ...] = ()

    def __init__(self, name: str, why: EngineFailed) -> None:
        self.name, self._why = name, why

    def begin(self, language: str) -> None:
        raise self._why

    def take(self, pcm: bytes) -> str:
        return ""

    def end(self) -> str:
        raise self._why

    def recognise(self, pcm: bytes, language: str) -> str:
        raise self._why

    def speak(self, text: str, language: str) -> "list[object]":
        raise self._why


class Listening:
    """Recognises utterances, one at a time, on a thread of its own."""

    def __init__(self, engine: Recogniser, say: Callable[[object], None]) -> None:
        self._engine, self._say = engine, say
        self._orders: queue.SimpleQueue[Recognise | Heard | Recognised | None] = queue.SimpleQueue()
        self._utterance = 0
        self._words, self._error = "", ""
        self._taken = 0
        threading.Thread(target=self._run, name="recognises", daemon=True).start()

    def put(self, order: Recognise | Heard | Recognised | None) -> None:
        self._orders.put(order)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                self._do(order)
            except EngineFailed as error:
                self._error = str(error)
            except Exception as error:
                self._error = f"{self._engine.name} failed: {error}"

    def _do(self, order: Recognise | Heard | Recognised) -> None:
        if isinstance(order, Recognise):
            self._utterance, self._words, self._error, self._taken = order.utterance, "", "", 0
            self._engine.begin(order.language)
        elif order.utterance != self._utterance:
            return
        elif isinstance(order, Heard):
            self._take(order.pcm)
        elif order.wanted:
            self._end(order.utterance)

    def _take(self, pcm: bytes) -> None:
        self._taken += len(pcm)
        if self._error or self._taken > LONGEST * RATE * 2:
            return
        words = self._engine.take(pcm)
        if words and words != self._words:
            self._words = words
            self._say(Words(self._utterance, words, final=False))

    def _end(self, utterance: int) -> None:
        words, error = "", self._error
        if not error:
            try:
                words = self._engine.end()
            except EngineFailed as failed:
                error = str(failed)
        self._utterance = 0
        self._say(Words(utterance, words, final=True, error=error))


class Talking:
    """Synthesises answers, sentence by sentence, on a thread of its own; never more than ``AHEAD``."""

    def __init__(self, engine: Synthesiser, say: Callable[[object], None]) -> None:
        self._engine, self._say = engine, say
        self._orders: queue.SimpleQueue[Speak | SpokenOut | None] = queue.SimpleQueue()
        self._more = threading.Condition()
        self._stopped = 0
        self._answer, self._sent, self._played = 0, 0.0, 0.0
        threading.Thread(target=self._run, name="speaks", daemon=True).start()

    def put(self, order: Speak | SpokenOut | None) -> None:
        self._orders.put(order)

    def stop(self, answer: int) -> None:
        with self._more:
            self._stopped = max(self._stopped, answer)
            self._more.notify_all()

    def credit(self, order: Credit) -> None:
        with self._more:
            if order.answer == self._answer:
                self._played = order.seconds
            self._more.notify_all()

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            if order.answer <= self._stopped:
                continue
            with self._more:
                if order.answer != self._answer:
                    self._answer, self._sent, self._played = order.answer, 0.0, 0.0
            if isinstance(order, Speak):
                self._speak(order)
            else:
                self._say(AllSpoken(order.answer))

    def _speak(self, order: Speak) -> None:
        seconds, error = 0.0, ""
        try:
            for sound in self._engine.speak(order.text, order.language):
                if not self._may_go_on(order.answer):
                    return
                length = len(sound.pcm) / 2 / sound.rate
                seconds, self._sent = seconds + length, self._sent + length
                self._say(Spoken(order.answer, sound.rate, sound.pcm))
        except EngineFailed as failed:
            error = str(failed)
        except Exception as failed:
            error = f"{self._engine.name} failed: {failed}"
        self._say(PartSpoken(order.answer, order.part, seconds, error))

    def _may_go_on(self, answer: int) -> bool:
        """Waits until what was made is nearly played."""
        with self._more:
            while answer > self._stopped and self._sent - self._played > AHEAD:
                self._more.wait(0.5)
            return answer > self._stopped


class SpeechChild:
    """Reads orders and hands them on."""

    def __init__(self) -> None:
        self._host: ChildEnd[ToSpeech] = ChildEnd(ToSpeech, most=64 << 20)
        self._setting = SetSpeech("pocketsphinx", "espeak")
        self._listening: Listening | None = None
        self._talking: Talking | None = None
        self._once = threading.Lock()
        """Held while a file is recognised or made: one at a time."""

    def run(self) -> None:
        threading.Thread(target=self._live, name="lives", daemon=True).start()
        for order in self._host.messages():
            if isinstance(order, Quit):
                break
            self._do(order)
        os._exit(0)  # a thread may be deep in an engine

    def _live(self) -> None:
        while True:
            self._host.say(Alive(cpu=time.process_time()))
            time.sleep(ALIVE_EVERY)

    def _do(self, order: ToSpeech) -> None:
        match order:
            case SetSpeech():
                self._set(order)
            case Synthesise() | Transcribe():
                threading.Thread(target=self._do_once, args=(order,), daemon=True).start()
            case Recognise() | Heard() | Recognised() if self._listening is not None:
                self._listening.put(order)
            case _ if self._talking is not None:
                _tell(self._talking, order)

    def _set(self, setting: SetSpeech) -> None:
        self._setting = setting
        if self._listening is not None:
            self._listening.put(None)
        if self._talking is not None:
            self._talking.stop(1 << 62)
            self._talking.put(None)
        hears, speaks, errors = _engines(setting)
        self._listening = Listening(hears, self._host.say)  # type: ignore[arg-type]
        self._talking = Talking(speaks, self._host.say)  # type: ignore[arg-type]
        self._host.say(
            EnginesReady(hears.name, speaks.name, hears.languages, speaks.languages, "; ".join(errors))
        )

    def _do_once(self, order: Synthesise | Transcribe) -> None:
        with self._once:
            try:
                done = self._made(order) if isinstance(order, Synthesise) else self._read(order)
            except Exception as error:
                words = str(error) if isinstance(error, EngineFailed) else f"the engine failed: {error}"
                kind = Synthesised if isinstance(order, Synthesise) else Transcribed
                done = kind(order.id, error=words)
        self._host.say(done)

    def _made(self, order: Synthesise) -> Synthesised:
        sounds = list(synthesiser(self._setting).speak(order.text, order.language))
        rate = sounds[0].rate if sounds else RATE
        return Synthesised(order.id, rate, b"".join(sound.pcm for sound in sounds))

    def _read(self, order: Transcribe) -> Transcribed:
        return Transcribed(order.id, recogniser(self._setting).recognise(order.pcm, order.language))


def _engines(setting: SetSpeech) -> tuple[Recogniser, Synthesiser, list[str]]:
    errors = []
    try:
        hears: Recogniser = recogniser(setting)
    except EngineFailed as error:
        hears = Failing(setting.stt, error)
        errors.append(str(error))
    try:
        speaks: Synthesiser = synthesiser(setting)
    except EngineFailed as error:
        speaks = Failing(setting.tts, error)  # type: ignore[assignment]  # it speaks nothing
        errors.append(str(error))
    return hears, speaks, errors


def _tell(talking: Talking, order: ToSpeech) -> None:
    match order:
        case Speak() | SpokenOut():
            talking.put(order)
        case StopSpeaking():
            talking.stop(order.answer)
        case Credit():
            talking.credit(order)


if __name__ == "__main__":
    SpeechChild().run()
