"""Judging a network: how often it hears the phrase, how often it hears it where it is not."""

from typing import NamedTuple

import numpy as np

from clawft.drivers.audio.embeddings import FRAME, HOP, Floats
from clawft.drivers.audio.engines import RATE
from clawft.drivers.audio.examples import Clip, Windows, anything, around_end
from clawft.drivers.audio.network import all_logits
from clawft.drivers.audio.phrases import COOL_DOWN, Weights

PERIOD = HOP * FRAME / RATE
"""Seconds from one window to the next."""
APART = int(COOL_DOWN / PERIOD)
"""Windows within which all alarms are one."""
ALLOWED = 0.5
"""False alarms an hour of speech."""


class Trial(NamedTuple):
    """What a network is judged by: the phrase said, and speech without it."""

    said: list[Windows]
    """A clip each."""
    other: Windows
    hours: float


class Verdict(NamedTuple):
    """How a network did."""

    score: float
    """Share of the phrases heard: the mean of that with no false alarm, and with one, two and three."""
    threshold: float


def trial(said: list[Clip], other: list[Clip]) -> Trial:
    windows = anything(other)
    return Trial(around_end(said), windows, len(windows.rows) * PERIOD / 3600)


def judged(weights: Weights, trial: Trial) -> Verdict:
    """Choose the threshold, and say how good it is."""
    peaks = best(weights, trial.said)
    allowed = int(ALLOWED * trial.hours)
    worst = loudest(all_logits(weights, trial.other), max(4, allowed + 1))
    lowest = float(np.nextafter(np.float32(worst[allowed]), np.float32(np.inf)))
    score = float(np.mean([(peaks > alarm).mean() for alarm in worst[:4]]))
    return Verdict(score, lowest)


def best(weights: Weights, clips: list[Windows]) -> Floats:
    """The highest logit of each clip."""
    return np.array([all_logits(weights, clip).max(initial=-np.inf) for clip in clips], np.float32)


def loudest(logits: Floats, count: int) -> list[float]:
    """The logits of the ``count`` worst false alarms, the worst first."""
    left, found = logits.copy(), []
    for _ in range(count):
        at = int(left.argmax())
        found.append(float(left[at]))
        left[max(0, at - APART) : at + APART] = -np.inf
    return found


def alarms(logits: Floats, threshold: float) -> int:
    """How often a detector would have raised one."""
    count, deaf_until = 0, 0
    for at in np.flatnonzero(logits >= threshold):
        if at >= deaf_until:
            count, deaf_until = count + 1, int(at) + APART
    return count
