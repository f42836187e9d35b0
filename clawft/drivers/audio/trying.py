"""A test of the microphone, or of the speaker by ear, on streams that are open."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from clawft.domain.voice_wire import MicMeasured, Said, SpeakerMeasured
from clawft.drivers.audio.measuring import SECONDS, SETTLE, SWEEP_LISTEN, find_sweep, loudness, sweep
from clawft.drivers.audio.rings import PlayRing, Samples

SILENT = "the microphone gives nothing but digital silence; is it muted?"
"""A real microphone is never without any noise."""


class OpenStreams(Protocol):
    """What a test needs of ``streams.Streams``."""

    rate: int
    play: PlayRing
    microphone: str
    speaker: str


class HasStreams(Protocol):
    @property
    def streams(self) -> OpenStreams: ...

    trying: "Trying | None"


class Trying:
    """Takes what the microphone hears, unprocessed, until it has enough."""

    def __init__(self, device: HasStreams, of_speaker: bool, say: Callable[[Said], None]) -> None:
        self._device, self._streams, self._say = device, device.streams, say
        self._of_speaker = of_speaker
        self._pieces: list[Samples] = []
        seconds = SWEEP_LISTEN if of_speaker else SECONDS + SETTLE
        self._wanted = int(seconds * self._streams.rate)
        if of_speaker:
            self._streams.play.put(sweep(self._streams.rate))

    def take(self, samples: Samples) -> None:
        self._pieces.append(samples)
        if sum(map(len, self._pieces)) >= self._wanted:
            self._device.trying = None
            recorded = np.concatenate(self._pieces)
            self._say(self._speaker(recorded) if self._of_speaker else self._microphone(recorded))

    def _microphone(self, recorded: Samples) -> MicMeasured:
        streams = self._streams
        recorded = recorded[int(SETTLE * streams.rate) :]
        if not np.any(recorded):
            return MicMeasured(error=SILENT, device=streams.microphone, rate=streams.rate)
        found = loudness(recorded, streams.rate)
        return MicMeasured(
            level=round(found.level, 3),
            peak=round(found.peak, 4),
            rms_db=round(found.rms_db, 1),
            clipped=found.clipped,
            device=streams.microphone,
            rate=streams.rate,
        )

    def _speaker(self, recorded: Samples) -> SpeakerMeasured:
        found = find_sweep(recorded, self._streams.rate)
        return SpeakerMeasured(
            heard=found.heard,
            delay_ms=round(found.delay_ms, 1) if found.heard else 0.0,
            coupling_db=round(found.coupling_db, 1) if found.heard else 0.0,
            device=self._streams.speaker,
        )
