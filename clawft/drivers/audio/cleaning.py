"""From what the microphone heard to what a person said: 16 kHz, without echo and noise, 10 ms at a time."""

from collections.abc import Iterator

import numpy as np
import soxr
from livekit import rtc
from livekit.rtc.apm import AudioProcessingModule

from clawft.drivers.audio.engines import RATE
from clawft.drivers.audio.rings import Samples

FRAME = RATE // 100
"""Samples of a frame: 10 ms, the only length WebRTC's audio processing takes."""
DRIFT_WATCH, DRIFT = 500, 3
"""Frames of the near side during which the far one was never less than ``DRIFT`` frames further ahead than at
first: two clocks drift. Then a frame is left out, and only one in which the speaker was silent: a jump in the
middle of a sentence costs the echo canceller 40 dB for seconds."""


_SILENCE = bytes(2 * FRAME)


def as_pcm(samples: Samples) -> bytes:
    """16-bit, little-endian."""
    return bytes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


class Side:
    """One of the two signals: from the card's rate to frames."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._owed = 0
        """Of silence that made no whole sample at ``RATE`` yet, in parts of one: ``rate`` make it whole."""
        self._resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
        self._rest: Samples = np.zeros(0, np.float32)

    def put(self, samples: Samples) -> None:
        if len(samples):
            self._rest = np.concatenate((self._rest, self._resampler.resample_chunk(samples)))

    def put_silence(self, count: int) -> None:
        """So many samples in which nothing was: they cost next to nothing."""
        made, self._owed = divmod(self._owed + count * RATE, self._rate)
        self._rest = np.concatenate((self._rest, np.zeros(made, np.float32)))

    def take_all(self) -> bytes:
        """All that makes whole frames."""
        count = self.frames * FRAME
        whole, self._rest = self._rest[:count], self._rest[count:]
        return as_pcm(whole)

    def drop(self) -> None:
        self._rest = self._rest[FRAME:]

    @property
    def frames(self) -> int:
        return len(self._rest) // FRAME

    def take(self) -> bytes:
        frame, self._rest = self._rest[:FRAME], self._rest[FRAME:]
        return as_pcm(frame)


class Cleaning:
    """WebRTC's audio processing (AEC3, noise suppression, high-pass), fed with both sides."""

    def __init__(self, rate: int, *, echo: bool, noise: bool) -> None:
        self._near, self._far = Side(rate), Side(rate)
        self._watched, self._least_ahead = 0, 1 << 30
        self._ahead_at_first: int | None = None
        self._too_many = 0
        """Frames to be left out."""
        self._echo, self._noise = echo, noise
        self._apm = _apm(echo=echo, noise=noise)

    def set(self, *, echo: bool, noise: bool) -> None:
        """Takes less than a millisecond; the echo canceller begins anew."""
        if (echo, noise) != (self._echo, self._noise):
            self._echo, self._noise = echo, noise
            self._apm = _apm(echo=echo, noise=noise)

    def clean(self, near: Samples, far: Samples, *, bypass: bool = False) -> Iterator[bytes]:
        """Frames. ``far`` is what the speaker was really given; where it is missing, it was silent.

        ``bypass``: nothing is to be heard of the speaker, and nobody talks to us yet; it costs a third.
        """
        self._near.put(near)
        if bypass:
            self._far.put_silence(len(far))
            yield from self._unprocessed()
            return
        self._far.put(far)
        while self._near.frames:
            far_frame = self._far.take() if self._far.frames else _SILENCE
            if self._too_many and far_frame == _SILENCE and self._far.frames:
                far_frame = self._far.take()
                self._too_many -= 1
            near_frame = self._near.take()
            self._mind_drift(self._near.frames)
            yield self._processed(near_frame, far_frame)

    def _unprocessed(self) -> Iterator[bytes]:
        pcm = self._near.take_all()
        for at in range(0, len(pcm), 2 * FRAME):
            self._far.drop()
            if self._too_many and self._far.frames:
                self._far.drop()
                self._too_many -= 1
            self._mind_drift(len(pcm) // (2 * FRAME) - at // (2 * FRAME) - 1)
            yield pcm[at : at + 2 * FRAME]

    def _mind_drift(self, near_frames: int) -> None:
        self._least_ahead = min(self._least_ahead, self._far.frames - near_frames)
        self._watched += 1
        if self._watched < DRIFT_WATCH:
            return
        if self._ahead_at_first is None:
            self._ahead_at_first = self._least_ahead
        further = self._least_ahead - self._ahead_at_first
        self._too_many = further if further >= DRIFT else 0
        self._watched, self._least_ahead = 0, 1 << 30

    def _processed(self, near: bytes, far: bytes) -> bytes:
        if self._echo:
            self._apm.process_reverse_stream(_frame(far))
        frame = _frame(near)
        self._apm.process_stream(frame)
        return bytes(frame.data)


def _apm(*, echo: bool, noise: bool) -> AudioProcessingModule:
    return AudioProcessingModule(
        echo_cancellation=echo, noise_suppression=noise, high_pass_filter=True, auto_gain_control=False
    )


def _frame(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytearray(pcm), RATE, 1, FRAME)
