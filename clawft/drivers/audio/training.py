"""Training: makes a detector of any phrase, offline, from synthesised speech."""

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from clawft.drivers.audio import corpus, judging
from clawft.drivers.audio.engines import EngineFailed
from clawft.drivers.audio.examples import NOISY, QUIET, Clip, Order, Windows, anything, examples
from clawft.drivers.audio.judging import Trial
from clawft.drivers.audio.network import Negatives, Network, Scale, all_logits, hardest
from clawft.drivers.audio.phrases import Model, Weights, save, tidy
from clawft.drivers.audio.rooms import Room
from clawft.drivers.audio.speakers import Group, programs
from clawft.drivers.audio.studio import SEEDS, Progress, Studio

SPEECH = "speech"
"""The folder, beside the phrases, of what is kept of other speech."""
PATIENCE = 8
"""Epochs without getting better after which learning ends."""


class Effort(NamedTuple):
    """How much is made of what."""

    phrases: int
    """Utterances of the phrase to learn from, each in two rooms."""
    near_misses: int
    """Utterances of what is like it, each in one room."""
    fragments: int
    """Utterances of a few other words. Without them a network learns that the phrase is what stands alone."""
    speech: dict[Group, int]
    """Half minutes of other speech."""
    tries: int
    """Utterances of the phrase to judge by, in either group of speakers."""
    epochs: int


FULL = Effort(1200, 400, 500, {"training": 200, "tuning": 200, "testing": 260}, 200, 24)
QUICK = Effort(80, 30, 30, {"training": 6, "tuning": 3, "testing": 3}, 24, 12)
"""For tests: it learns something, and promises nothing."""


class Report(msgspec.Struct, frozen=True):
    """How a trained phrase did on speakers it was not trained with, all of them synthesised."""

    phrase: str
    file: str
    heard_clean: float
    """Share of the utterances in a quiet room that were recognised."""
    heard_noisy: float
    """The same with pink noise 10 dB below the speech."""
    near_misses_taken: float
    """Share of near misses that were taken for the phrase."""
    false_alarms_per_hour: float
    """In running speech about other things."""
    hours_of_speech: float
    """How much of that was listened to."""
    threshold: float
    seconds: float
    """What the training took."""


class Material(NamedTuple):
    """All a phrase is trained and judged with."""

    positives: Windows
    negatives: Windows
    tuning: Trial
    clean: Trial
    noisy: Trial
    near_misses: Trial


def train(
    phrase: str, folder: Path, *, progress: Progress = lambda what, share: None, quick: bool = False
) -> Report:
    """Train the phrase and keep it in ``folder``, which is ``<data>/wake``.

    Whatever ends it early, Ctrl-C or an error raised by ``progress``, leaves the phrase as it was. Raises
    ``EngineFailed`` for what cannot be a phrase and where a program or package is missing.
    """
    began = time.monotonic()
    wanted, effort = tidy(phrase), QUICK if quick else FULL
    _check_tools()
    with Studio(folder / SPEECH, progress) as studio:
        material = record(studio, wanted, effort)
    weights, threshold = learn(material, effort.epochs, progress)
    path = save(Model(wanted, threshold, weights), folder)
    progress("done", 1.0)
    return _report(wanted, path, weights, threshold, material, time.monotonic() - began)


def _check_tools() -> None:
    """Say at once what a process of the pool would find out in a moment."""
    if "espeak-ng" not in programs():
        raise EngineFailed("training needs espeak-ng to speak; on Debian: apt-get install espeak-ng flite")
    for package in ("soxr", "pyopen_wakeword"):
        if importlib.util.find_spec(package) is None:
            raise EngineFailed(f"training needs {package.replace('_', '-')}: pip install 'clawft[voice]'")


def record(studio: Studio, phrase: str, effort: Effort) -> Material:
    """Have everything said."""
    near = corpus.near_misses(phrase)
    rooms = (QUIET, NOISY)
    speech = {
        group: studio.speech(group, count, phrase, (at / 5, (at + 1) / 5))
        for at, (group, count) in enumerate(effort.speech.items())
    }
    said = studio.clips(_orders([phrase], "training", (None, None), effort.phrases), "saying it", (0.6, 0.75))
    missed = studio.clips(_orders(near, "training", (None,), effort.near_misses), "near misses", (0.75, 0.78))
    random = np.random.default_rng(0)
    texts = [
        text
        for text in (corpus.fragment(random) for _ in range(effort.fragments))
        if not corpus.contains(text, phrase)
    ]
    alone = studio.clips(_orders(texts, "training", (None,), len(texts)), "other words", (0.78, 0.8))
    tuning = studio.clips(
        _orders([phrase], "tuning", (None, QUIET), effort.tries // 2), "tuning", (0.8, 0.83)
    )
    tested = studio.clips(_orders([phrase], "testing", rooms, effort.tries), "testing", (0.83, 0.87))
    taken = studio.clips(_orders(near, "testing", (None,), effort.tries), "testing", (0.87, 0.9))
    quiet, noisy = zip(*tested, strict=True)
    return Material(
        positives=examples(_flat(said)),
        negatives=anything([*speech["training"], *_flat(missed), *_flat(alone)]),
        tuning=judging.trial(_flat(tuning), speech["tuning"]),
        clean=judging.trial(list(quiet), speech["testing"]),
        noisy=judging.trial(list(noisy), speech["testing"]),
        near_misses=judging.trial(_flat(taken), speech["testing"]),
    )


def learn(material: Material, epochs: int, progress: Progress) -> tuple[Weights, float]:
    """The weights that did best on the tuning speakers, and their threshold."""
    scale = Scale.of(material.negatives)
    network = Network(np.random.default_rng(0))
    positives, others = scale.applied(material.positives), scale.applied(material.negatives)
    negatives = Negatives(others, np.empty(0, np.int64))
    chosen = scale.undone(network.weights)
    verdict, since = judging.judged(chosen, material.tuning), 0
    for epoch in range(epochs):
        loss = network.epoch(positives, negatives, epoch / epochs)
        found = judging.judged(scale.undone(network.weights), material.tuning)
        progress(f"learning (loss {loss:.3f}, heard {found.score:.0%})", 0.9 + 0.1 * epoch / epochs)
        negatives = hardest(network.weights, others)
        since += 1
        if found.score >= verdict.score:
            chosen, verdict, since = scale.undone(network.weights), found, 0
        if since >= PATIENCE:
            break
    return chosen, verdict.threshold


def _orders(texts: Sequence[str], group: Group, rooms: tuple[Room | None, ...], count: int) -> list[Order]:
    seed = SEEDS[group] // 2
    return [Order(texts[at % len(texts)], group, rooms, seed + at) for at in range(count)]


def _flat(clips: list[list[Clip]]) -> list[Clip]:
    return [clip for several in clips for clip in several]


def _report(
    phrase: str, path: Path, weights: Weights, threshold: float, material: Material, seconds: float
) -> Report:
    clean, noisy, near = (
        float((judging.best(weights, trial.said) >= threshold).mean())
        for trial in (material.clean, material.noisy, material.near_misses)
    )
    raised = judging.alarms(all_logits(weights, material.clean.other), threshold)
    hours = material.clean.hours
    return Report(phrase, str(path), clean, noisy, near, raised / hours, hours, threshold, seconds)
