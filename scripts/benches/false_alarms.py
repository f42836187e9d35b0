"""False alarms: hours of synthesised speech, played to a detector of a wake phrase as fast as it can hear."""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from clawft.drivers.audio.corpus import contains
from clawft.drivers.audio.engines import RATE
from clawft.drivers.audio.examples import talk
from clawft.drivers.audio.wake_words import find

SEED = 4_000_000
"""Beyond those of training, so that nothing is played that a phrase was trained or judged with."""
PIECE = RATE // 100 * 2
"""Bytes of 10 ms."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/false_alarms", description=__doc__)
    parser.add_argument("--phrase", default="hey jarvis")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path(), help="where trained phrases are: DATA/wake")
    options = parser.parse_args(arguments)
    detector = find(options.phrase, options.folder)
    alarms, seconds, heard = 0, 0.0, 0
    for speech in _speech(detector.phrase, int(options.hours * 3600 * RATE)):
        began = time.process_time()
        alarms += sum(detector.feed(speech[at : at + PIECE]) for at in range(0, len(speech), PIECE))
        seconds += time.process_time() - began
        heard += len(speech) // 2
    hours = heard / RATE / 3600
    figures = {"phrase": detector.phrase, "hours": hours, "alarms": alarms, "per_hour": alarms / hours}
    print(json.dumps({**figures, "cpu_percent_of_a_core": 100 * seconds / (hours * 3600)}))
    return 0


def _speech(phrase: str, samples: int) -> Iterator[bytes]:
    """Talk without the phrase, in whole pieces, until it is enough."""
    seed = SEED
    while samples > 0:
        text, sound = talk("testing", np.random.default_rng(seed))
        seed += 1
        if contains(text, phrase):
            continue
        speech = sound.tobytes()[: min(samples, len(sound)) * 2 // PIECE * PIECE]
        samples -= len(speech) // 2 or samples
        yield speech
