"""Examples: spoken texts as the embeddings a network is trained and judged with."""

import functools
import multiprocessing
import os
import signal
import threading
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from clawft.drivers.audio.corpus import paragraph, sentence
from clawft.drivers.audio.embeddings import FRAME, HOP, OVERLAP, REACH, Floats, SpeechEmbedding, ends
from clawft.drivers.audio.engines import RATE
from clawft.drivers.audio.phrases import INPUTS, WINDOW
from clawft.drivers.audio.rooms import Room, any_room, coloured, faster, heard
from clawft.drivers.audio.speakers import Group, Speaker, any_manner, anyone, say

SPAN = OVERLAP + FRAME * (REACH + HOP * (WINDOW - 1))
"""Samples one window of the network hears, 2 s."""
TAIL = int(0.5 * RATE)
"""Samples after a phrase: as late a window may still recognise it."""
HEARD_UP_TO = int(0.32 * RATE)
"""Samples after the phrase's end within which a window is an example of it: four windows."""
COLOUR = 4.0
"""dB by which speakers are made to differ from themselves, as by 22 % in size: flite has only three people
to train with, and without it a fourth was missed as often as not."""
QUIET = Room()
NOISY = Room(noise="pink", snr=10.0)


class Clip(NamedTuple):
    """One text, said by one speaker in one room."""

    text: str
    embeddings: Floats
    end: int
    """The sample with which the text ends."""


class Order(NamedTuple):
    """What is to be said, in what rooms; None: any room. The seed decides on all else."""

    text: str
    group: Group
    rooms: tuple[Room | None, ...]
    seed: int


class Windows(NamedTuple):
    """What the network sees, without storing every embedding sixteen times."""

    rows: Floats
    """``(n, 96)``, clip after clip."""
    starts: NDArray[np.int64]
    """The first row of each window."""

    def take(self, chosen: NDArray[np.int64]) -> Floats:
        """``(len(chosen), 1536)``"""
        rows = self.starts[chosen][:, None] + np.arange(WINDOW)
        return np.asarray(self.rows[rows].reshape(-1, INPUTS), np.float32)


def start_worker() -> None:
    """What a process of a pool does first: leave Ctrl-C to its parent, and end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool's process waits for work for ever when its parent was killed.
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def said(order: Order) -> list[Clip]:
    """The same utterance in each of the rooms, now and then in the middle of other talk."""
    random = np.random.default_rng(order.seed)
    speaker = anyone(order.group, random)
    speech = say(order.text, speaker, any_manner(random))
    if order.group == "training":
        speech = coloured(faster(speech, float(random.uniform(0.78, 1.28))), COLOUR, random)
    before = np.zeros(max(0, SPAN - len(speech)) + int(random.integers(0, HOP * FRAME)), np.float32)
    after = np.zeros(TAIL, np.float32)
    if order.group == "training":
        _talk_before(before, speaker, random)
        _talk_after(after, speaker, random)
    sound = np.concatenate([before, speech, after])
    end = len(before) + len(speech)
    heard_in = [heard(sound, room or any_room(random), random) for room in order.rooms]
    return [Clip(order.text, _ear().whole(recording), end) for recording in heard_in]


def talk(group: Group, random: Generator) -> tuple[str, NDArray[np.int16]]:
    """Half a minute of speech about other things, by one speaker in one room."""
    text = paragraph(random)
    return text, heard(say(text, anyone(group, random), any_manner(random)), any_room(random), random)


def running(group: Group, seed: int) -> Clip:
    """The talk of that seed."""
    text, sound = talk(group, np.random.default_rng(seed))
    return Clip(text, _ear().whole(sound), len(sound))


def examples(clips: list[Clip]) -> Windows:
    """The windows that end just after the text."""
    return _windows(clips, 0, HEARD_UP_TO)


def anything(clips: list[Clip]) -> Windows:
    """All windows there are."""
    return _windows(clips, -(1 << 40), 1 << 40)


def around_end(clips: list[Clip]) -> list[Windows]:
    """Of each clip the windows in which a detector may recognise it, for judging."""
    return [_windows([clip], -2 * HOP * FRAME, TAIL) for clip in clips]


def _windows(clips: list[Clip], earliest: int, latest: int) -> Windows:
    starts, offset = [np.empty(0, np.int64)], 0
    for clip in clips:
        count = len(clip.embeddings)
        late = ends(count) - clip.end
        last = np.flatnonzero((late >= earliest) & (late <= latest) & (np.arange(count) >= WINDOW - 1))
        starts.append(last - (WINDOW - 1) + offset)
        offset += count
    rows = [np.asarray(clip.embeddings, np.float32) for clip in clips]
    return Windows(np.concatenate(rows), np.concatenate(starts))


def _talk_before(silence: Floats, speaker: Speaker, random: Generator) -> None:
    """Somebody may have talked until a moment ago."""
    if random.random() < 0.3:
        talk = say(sentence(random), speaker, any_manner(random))
        pause = int(random.uniform(0.05, 0.6) * RATE)
        end = max(0, len(silence) - pause)
        talk = talk[-end:] if end else talk[:0]
        silence[end - len(talk) : end] = talk


def _talk_after(silence: Floats, speaker: Speaker, random: Generator) -> None:
    """What is wanted often follows the phrase without a pause."""
    if random.random() < 0.4:
        begin = int(random.uniform(0.02, 0.3) * RATE)
        talk = say(sentence(random), speaker, any_manner(random))[: len(silence) - begin]
        silence[begin : begin + len(talk)] = talk


@functools.cache
def _ear() -> SpeechEmbedding:
    """One a process: loading takes longer than hearing."""
    return SpeechEmbedding()
