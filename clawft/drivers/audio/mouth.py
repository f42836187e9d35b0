"""The mouth: answers on their way to the speaker, and how far each has come."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np
import soxr

from clawft.domain.voice_wire import Play, PlayBegan, Played, Playing, Said
from clawft.drivers.audio.cues import cue
from clawft.drivers.audio.rings import PlayRing, Samples

TELL_EVERY = 0.1
"""Seconds between two words on how far it is."""
TAIL = 0.15
"""Seconds the last samples need from our ring to the ear."""
VOLUME = 0.7


class Mouth:
    """One answer at a time; what comes of earlier ones is not played."""

    def __init__(self, play: PlayRing, rate: int, say: Callable[[Said], None]) -> None:
        self._play, self._rate, self._say = play, rate, say
        self._answer = self._ended = 0
        """The answer that is played; answers up to ``_ended`` are over."""
        self._resampler: soxr.ResampleStream | None = None
        self._from_rate = 0
        self._waiting: deque[Samples] = deque()
        self._start = play.written
        self._no_more = self._began = self._is_held = False
        self._told_at = self._sounded_at = 0.0

    # -- what it is told

    def take(self, sound: Play) -> None:
        if sound.answer <= self._ended:
            return
        if sound.answer != self._answer:
            self._begin(sound.answer)
        if self._resampler is None or sound.rate != self._from_rate:
            self._from_rate = sound.rate
            self._resampler = soxr.ResampleStream(sound.rate, self._rate, 1, dtype="float32", quality="HQ")
        samples = np.frombuffer(sound.pcm, "<i2").astype(np.float32) * (VOLUME / 32768.0)
        self._put(self._resampler.resample_chunk(samples))

    def no_more(self, answer: int) -> None:
        """The last of an answer has come; one without any sound is over at once."""
        if answer <= self._ended:
            return
        if answer != self._answer:
            self._begin(answer)
        if self._resampler is not None:
            self._put(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        self._no_more = True

    def cue(self, kind: str) -> None:
        if not self.is_busy:  # between two words it would be noise
            self._put(cue(kind, self._rate))

    def hold(self) -> None:
        """Fade out, and keep what is left."""
        self._is_held = True
        self._play.hush()

    def resume(self) -> None:
        self._is_held = False
        self._play.resume()

    def hush(self, answer: int = 0) -> None:
        """Fade out, and play no more of answers up to this one; 0: the one that is played."""
        self._ended = max(self._ended, answer or self._answer)
        if self._answer > self._ended:
            return  # a later one is played already
        self._waiting.clear()
        self._no_more = self._began = self._is_held = False
        self._answer = 0
        self._play.forget()

    # -- how it stands

    @property
    def is_busy(self) -> bool:
        return self._answer > self._ended

    @property
    def is_audible(self) -> bool:
        """Whether it can be heard that it speaks."""
        return self.is_busy and not self._is_held and time.monotonic() - self._sounded_at < TAIL

    @property
    def was_audible(self) -> bool:
        """Within the last second, cues too: so long the microphone hears it."""
        return self._play.waiting > 0 or time.monotonic() - self._sounded_at < 1.0

    @property
    def answer(self) -> int:
        return self._answer

    @property
    def seconds(self) -> float:
        """How much of the answer has been played."""
        return max(0, self._play.read - self._start) / self._rate if self.is_busy else 0.0

    def look(self) -> None:
        """Move on, and tell. To be called every few milliseconds."""
        while self._waiting and self._play.room >= len(self._waiting[0]):
            self._play.put(self._waiting.popleft())
        now = time.monotonic()
        if self._play.waiting and not self._is_held:
            self._sounded_at = now
        if not self.is_busy or self._is_held:
            return
        if not self._began and self._play.read > self._start:
            self._began, self._told_at = True, now
            self._say(PlayBegan(self._answer))
        if self._no_more and not self._play.waiting and not self._waiting:
            self._over()
        elif self._began and now - self._told_at >= TELL_EVERY:
            self._told_at = now
            self._say(Playing(self._answer, self.seconds))

    def _over(self) -> None:
        self._say(Played(self._answer, self.seconds))
        self._ended, self._began = self._answer, False

    def _begin(self, answer: int) -> None:
        self._answer, self._resampler = answer, None
        self._start = self._play.written + sum(map(len, self._waiting))
        self._no_more = self._began = False
        if self._is_held:
            self._is_held = False
            self._play.forget()

    def _put(self, samples: Samples) -> None:
        if len(samples):
            self._waiting.append(samples)
