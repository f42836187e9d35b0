"""The embedded engines: how many words are understood, how soon, and how soon something is to be heard."""

import time
from typing import Any

import numpy as np
import pytest

from clawft.drivers.audio.cleaning import as_pcm
from clawft.drivers.audio.engines import RATE, EngineFailed
from clawft.drivers.audio.espeak import Espeak
from clawft.drivers.audio.sphinx import Sphinx
from tests.audio.people import say, silence, word_errors

VOICES = ("rms", "slt", "awb")
SENTENCES = """what is the weather like today
turn off the lights in the kitchen
set a timer for ten minutes
remind me to call my mother tomorrow
how many messages do i have
start the backup job now
show me the latest report
what time is the next meeting
send a message to the team
stop the running task
open the log file and read the last line
who wrote this email
add milk and bread to the shopping list
play some music in the living room
what is the capital of france
summarize the notes from this morning
how long will it take to drive home
list all the agents that are running
delete the old session
is the server still online
translate good morning into spanish
book a table for two at seven
what is nineteen times twenty three
read my calendar for friday
cancel the alarm for tomorrow
find the nearest coffee shop
tell me a short story
increase the volume a little
what is the news today
please repeat that again slowly""".splitlines()


def recognised(engine: Sphinx, sound: Any) -> str:
    engine.begin("en")
    pcm = as_pcm(np.concatenate((silence(0.3, RATE), sound, silence(0.65, RATE))))
    for at in range(0, len(pcm), RATE // 10):
        engine.take(pcm[at : at + RATE // 10])
    return engine.end()


def errors_of(voice: str, sentences: list[str]) -> float:
    """The share of wrong words, with one engine for all of them, as in a conversation."""
    engine = Sphinx()
    wrong = words = 0.0
    for sentence in sentences:
        count = len(sentence.split())
        wrong += count * word_errors(sentence, recognised(engine, say(sentence, voice, RATE)))
        words += count
    return wrong / words


def test_four_words_of_five_are_understood() -> None:
    """Of a part of the sentences; the next test takes all of them."""
    assert np.mean([errors_of(voice, SENTENCES[2::5]) for voice in VOICES]) <= 0.2


@pytest.mark.slow
def test_four_words_of_five_are_understood_of_all_thirty_sentences() -> None:
    assert np.mean([errors_of(voice, SENTENCES) for voice in VOICES]) <= 0.2


def test_the_words_are_there_soon_after_the_end() -> None:
    """300 ms, of which a busy machine may take most."""
    engine = Sphinx()
    engine.begin("en")
    for _ in range(2):
        engine.take(as_pcm(say(SENTENCES[0], "rms", RATE)))
    began = time.process_time()
    assert engine.end()
    assert time.process_time() - began < 0.3


def test_another_language_is_refused_in_words() -> None:
    with pytest.raises(EngineFailed, match="English only"):
        Sphinx().begin("de")
    with pytest.raises(EngineFailed, match="good for en"):
        list(Espeak().speak("你好", "zh"))


def test_silence_has_no_words() -> None:
    assert recognised(Sphinx(), silence(1.0, RATE)) == ""


def test_the_first_sound_does_not_wait_for_the_last() -> None:
    text = "This is a sentence. " * 40
    began = time.monotonic()
    sounds = Espeak().speak(text, "en")
    first = next(sounds)
    soon = time.monotonic() - began
    assert first.pcm
    rest = sum(len(sound.pcm) for sound in sounds)
    whole = time.monotonic() - began
    assert rest > 20 * len(first.pcm)
    assert soon < whole / 2


def test_who_stops_listening_ends_the_program() -> None:
    sounds = Espeak().speak("This is a sentence. " * 200, "en")
    next(sounds)
    sounds.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize("language", Espeak.languages)
def test_every_language_that_is_said_to_be_spoken_is(language: str) -> None:
    assert sum(len(sound.pcm) for sound in Espeak().speak("1 2 3", language)) > 10_000
