"""What a microphone and a speaker are worth, in figures."""

import math
from typing import NamedTuple

import numpy as np

from clawft.drivers.audio.rings import Samples

SECONDS = 1.0
"""How long the microphone is listened to."""
SETTLE = 0.1
"""Seconds at its beginning that do not count: a card needs them to come up."""
FLOOR_DB = -60.0
"""That counts as nothing."""
CLIPPED = 0.999

SWEEP_SECONDS, SWEEP_FROM, SWEEP_TO, SWEEP_PEAK, SWEEP_FADE = 0.5, 600.0, 2400.0, 0.2, 0.02
SWEEP_LISTEN = 1.2
"""Seconds to listen for it: its length, both buffers and 300 ms of way."""
FOUND = 10.0
"""Peak over RMS of the matched filter from which the sweep counts as heard. Measured: 39 and more with the
speaker 40 dB down in a room, 4 when there was nothing."""


class Loudness(NamedTuple):
    level: float
    """0..1"""
    rms_db: float
    peak: float
    clipped: bool


def decibels(value: float) -> float:
    return 20.0 * math.log10(max(value, 1e-6))


def as_level(db: float) -> float:
    """-60 dBFS is 0, -24 is 0.6, 0 is 1."""
    return min(1.0, max(0.0, (db - FLOOR_DB) / -FLOOR_DB))


def frame_rms(samples: Samples, rate: int) -> Samples:
    """Of frames of 20 ms."""
    size = max(1, rate // 50)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return np.zeros(1, np.float32)
    rms: Samples = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1)).astype(np.float32)
    return rms


def loudness(samples: Samples, rate: int) -> Loudness:
    """The 95th percentile of the frames' RMS: a word in a second of silence counts, a click does not."""
    db = decibels(float(np.percentile(frame_rms(samples, rate), 95)))
    peak = float(np.max(np.abs(samples), initial=0.0))
    return Loudness(as_level(db), db, peak, peak >= CLIPPED)


def loudest(samples: Samples, rate: int) -> float:
    """The level of the loudest 20 ms."""
    return as_level(decibels(float(np.max(frame_rms(samples, rate)))))


def sweep(rate: int) -> Samples:
    """A quiet chirp with soft ends: any small speaker can play it, and nothing in a room sounds like it."""
    t = np.arange(int(rate * SWEEP_SECONDS)) / rate
    phase = SWEEP_FROM * t + (SWEEP_TO - SWEEP_FROM) * t * t / (2 * SWEEP_SECONDS)
    ends = np.minimum(1.0, np.minimum(t, SWEEP_SECONDS - t) / SWEEP_FADE)
    return (SWEEP_PEAK * np.sin(2 * np.pi * phase) * ends).astype(np.float32)


class Found(NamedTuple):
    heard: bool
    delay_ms: float
    """From the first sample of the recording to the sweep's begin."""
    coupling_db: float


def find_sweep(recorded: Samples, rate: int) -> Found:
    """By a matched filter over the whole recording."""
    wanted = sweep(rate)
    if len(recorded) <= len(wanted) or not np.any(recorded):
        return Found(False, 0.0, FLOOR_DB)
    size = 1 << (len(recorded) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(wanted, size))
    match = np.abs(np.fft.irfft(spectrum, size))[: len(recorded) - len(wanted)]
    at = int(match.argmax())
    sharpness = float(match[at] / max(np.sqrt(np.mean(np.square(match))), 1e-12))
    part = recorded[at : at + len(wanted)].astype(np.float64)
    gain = abs(float(part @ wanted)) / float(wanted.astype(np.float64) @ wanted)
    return Found(sharpness >= FOUND, 1000.0 * at / rate, decibels(gain))
