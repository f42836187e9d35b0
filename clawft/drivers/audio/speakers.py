"""Speakers: the synthesised voices a phrase is trained with, and those it is tried with.

They come from espeak-ng (formants: many variants of one buzzing voice) and flite (recorded people), each run
as a process of its own. What is trained on one group is stopped early by the next and judged by the last,
which it has never heard.
"""

import functools
import itertools
import shutil
import subprocess
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator

from clawft.drivers.audio.embeddings import Floats
from clawft.drivers.audio.engines import RATE, EngineFailed

Program = Literal["espeak-ng", "flite"]
Group = Literal["training", "tuning", "testing"]

LIMIT = 30.0
"""Seconds one text may take; a sentence takes less than one."""
PACE = 165
"""espeak-ng's words a minute at pace 1."""
LOUD_ENOUGH = 0.01
"""Of the peak: what is quieter at the begin and the end is cut off as silence."""


class Speaker(NamedTuple):
    """Somebody who can be asked to say something."""

    program: Program
    voice: str


class Manner(NamedTuple):
    """How it is to be said."""

    pace: float = 1.0
    pitch: int = 50
    """espeak-ng's, 0 to 99; flite's speakers keep their own."""


def _formants(accents: str, variants: str) -> tuple[Speaker, ...]:
    pairs = itertools.product(accents.split(), variants.split())
    return tuple(Speaker("espeak-ng", f"{accent}+{variant}") for accent, variant in pairs)


def _recorded(names: str) -> tuple[Speaker, ...]:
    return tuple(Speaker("flite", name) for name in names.split())


FORMANTS: dict[Group, tuple[Speaker, ...]] = {
    "training": _formants(
        "en-us en-gb en-gb-scotland en-us-nyc en-gb-x-gbcwmd",
        "m1 m2 m3 m6 m8 f1 f2 f4 Andy Annie Linda Michael klatt2 klatt4 steph victor",
    ),
    "tuning": _formants("en-gb-x-rp en-us", "m4 f3 Alicia pablo klatt3"),
    "testing": _formants("en-029 en-gb-x-gbclan en-us", "m5 m7 f5 belinda Diogo klatt6"),
}
RECORDED: dict[Group, tuple[Speaker, ...]] = {
    "training": _recorded("kal kal16 awb slt"),
    "tuning": (),  # flite has four people: one is kept for the test, and training needs the others more
    "testing": _recorded("rms"),
}
RECORDED_SHARE = 0.6
"""Of what a group says that has recorded people: few, but nearer to whoever will say the phrase."""


def programs() -> tuple[Program, ...]:
    """Those that are installed."""
    known: tuple[Program, ...] = ("espeak-ng", "flite")
    return tuple(program for program in known if shutil.which(program))


def anyone(group: Group, random: Generator) -> Speaker:
    """One of the group; recorded people speak where flite is installed."""
    recorded = RECORDED[group] if "flite" in programs() else ()
    among = recorded if recorded and random.random() < RECORDED_SHARE else FORMANTS[group]
    return among[int(random.integers(len(among)))]


def any_manner(random: Generator) -> Manner:
    """Slow or fast, high or low, by as much as people do when they call somebody."""
    return Manner(float(random.uniform(0.8, 1.25)), int(random.integers(25, 76)))


def say(text: str, speaker: Speaker, manner: Manner | None = None) -> Floats:
    """The text spoken, at ``RATE``, between -1 and 1, without silence around it. Raises ``EngineFailed``."""
    manner = manner or Manner()
    if speaker.program == "espeak-ng":
        options = ("-v", speaker.voice, "-s", f"{manner.pace * PACE:.0f}", "-p", str(manner.pitch), "--stdin")
        wave = _run((*_where("espeak-ng"), *options, "--stdout"), text)
    else:
        # flite takes a text without a space for a file's name unless it is told by -t.
        stretch = ("--setf", f"duration_stretch={1 / manner.pace:.3f}")
        wave = _run(
            (*_where("flite"), "-voice", speaker.voice, *stretch, "-t", text, "-o", "/dev/stdout"), ""
        )
    return _trimmed(_samples(wave))


def pronounce(texts: tuple[str, ...], accent: str) -> tuple[str, ...]:
    """How espeak-ng pronounces each, in its own letters, without stress and pauses."""
    spoken = _run((*_where("espeak-ng"), "-q", "-x", "-v", accent, "--stdin"), "\n\n".join(texts)).decode()
    lines = [line for line in spoken.splitlines() if line.strip()]
    return tuple("".join(char for char in line if char not in "',_|: ") for line in lines)


@functools.cache
def _where(program: Program) -> tuple[str]:
    if path := shutil.which(program):
        return (path,)
    raise EngineFailed(f"{program} is not installed; on Debian: apt-get install {program}")


def _run(command: tuple[str, ...], text: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the program is one of two, and no shell reads the text
            command, input=text.encode(), capture_output=True, check=True, timeout=LIMIT
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineFailed(f"{command[0]} did not speak: {error}") from error
    return done.stdout


def _samples(wave: bytes) -> Floats:
    """Of a WAV file written to a pipe: its header says 44 bytes in, but not for how long."""
    import soxr

    if len(wave) < 46 or wave[:4] != b"RIFF":
        raise EngineFailed("the synthesiser said nothing")
    rate = int.from_bytes(wave[24:28], "little")
    samples = np.frombuffer(wave, "<i2", (len(wave) - 44) // 2, 44).astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, rate, RATE), np.float32)


def _trimmed(samples: Floats) -> Floats:
    loud = np.flatnonzero(np.abs(samples) > LOUD_ENOUGH * np.abs(samples).max(initial=0.0))
    if not len(loud):
        raise EngineFailed("the synthesiser said nothing but silence")
    return samples[loud[0] : loud[-1] + 1]
