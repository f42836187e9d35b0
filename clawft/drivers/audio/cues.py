"""Cues: short sounds that say how it stands, for those who do not look at a screen."""

import numpy as np

from clawft.drivers.audio.rings import Samples

_NOTES: dict[str, tuple[float, ...]] = {"wake": (660.0, 880.0), "done": (880.0,), "sorry": (440.0, 330.0)}
_SECONDS, _PEAK, _FADE = 0.07, 0.1, 0.01


def cue(kind: str, rate: int) -> Samples:
    """``wake`` rises: it listens. ``sorry`` falls: nothing was understood. ``done``: it listens no longer."""
    t = np.arange(int(rate * _SECONDS)) / rate
    ends = np.minimum(1.0, np.minimum(t, _SECONDS - t) / _FADE)
    notes = [_PEAK * np.sin(2 * np.pi * pitch * t) * ends for pitch in _NOTES.get(kind, ())]
    return np.concatenate(notes).astype(np.float32) if notes else np.zeros(0, np.float32)
