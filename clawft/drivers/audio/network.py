"""The network that tells one phrase from all else, and how it learns."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from clawft.drivers.audio.embeddings import Floats
from clawft.drivers.audio.examples import Windows
from clawft.drivers.audio.phrases import HIDDEN, INPUTS, WINDOW, Weights

BATCH = 256
STEP = 1e-3
"""Adam's step at first, smaller along a cosine. Its other numbers are those of Kingma and Ba, 2015."""
DECAY = 0.9, 0.999
TINY = 1e-8
WEIGHT_DECAY = 1e-4
"""Of the hidden weights, a step."""
RARE = -2.0
"""The logit of what says nothing to any neuron, at first: most sound is not the phrase."""
DROPPED = 0.2
"""Share of hidden neurons left out in a step: few speakers must stand for many."""
HARD_SHARE = 0.25
"""Of an epoch's negatives: those most like the phrase so far. With more the phrase itself is lost."""
HARDEST = 0.1
"""Share of all negatives that count as such."""
NEGATIVES = 3
"""Negative windows an epoch, for each positive one."""
CHUNK = 4096
"""Windows looked at in one go: 25 MB."""


class Negatives(NamedTuple):
    """Windows without the phrase, the hard ones known."""

    windows: Windows
    hard: NDArray[np.int64]

    def some(self, count: int, random: Generator) -> NDArray[np.int64]:
        hard = random.choice(self.hard, int(count * HARD_SHARE)) if len(self.hard) else self.hard
        return np.concatenate([hard, random.integers(0, len(self.windows.starts), count - len(hard))])


class Scale(NamedTuple):
    """Where the numbers of embeddings lie, and how far apart: a network learns best around 0, one wide."""

    middle: Floats
    width: Floats

    @classmethod
    def of(cls, windows: Windows) -> Self:
        return cls(windows.rows.mean(axis=0), windows.rows.std(axis=0) + np.float32(1e-3))

    def applied(self, windows: Windows) -> Windows:
        return Windows(np.asarray((windows.rows - self.middle) / self.width, np.float32), windows.starts)

    def undone(self, weights: Weights) -> Weights:
        """Weights that do with embeddings as they come what these do with scaled ones."""
        hidden = weights.hidden / np.tile(self.width, WINDOW)[:, None]
        bias = weights.bias - np.tile(self.middle, WINDOW) @ hidden
        return Weights(hidden, bias, weights.output.copy(), weights.offset.copy())


class Network:
    """Weights that learn."""

    def __init__(self, random: Generator) -> None:
        self._random = random
        self.weights = Weights(
            random.standard_normal((INPUTS, HIDDEN), np.float32) * np.float32(np.sqrt(2 / INPUTS)),
            np.zeros(HIDDEN, np.float32),
            random.standard_normal(HIDDEN, np.float32) * np.float32(np.sqrt(1 / HIDDEN)),
            np.full((), RARE, np.float32),
        )
        self._means = [np.zeros_like(value) for value in self.weights]
        self._squares = [np.zeros_like(value) for value in self.weights]
        self._steps = 0

    def epoch(self, positives: Windows, negatives: Negatives, progress: float) -> float:
        """Learn from every positive and some negatives once. ``progress``: from 0 to 1.

        Returns the mean loss.
        """
        step = STEP * (0.03 + 0.97 * (1 + np.cos(np.pi * progress)) / 2)
        batches = self._batches(positives, negatives)
        return float(np.mean([self._learn(inputs, labels, step) for inputs, labels in batches]))

    def _batches(self, positives: Windows, negatives: Negatives) -> Iterator[tuple[Floats, Floats]]:
        count = len(positives.starts)
        others = negatives.some(NEGATIVES * count, self._random)
        yes, no = self._random.permutation(count), self._random.permutation(others)
        steps = max(1, (count + len(no)) // BATCH)
        for chosen, rejected in zip(np.array_split(yes, steps), np.array_split(no, steps), strict=True):
            inputs = np.concatenate([positives.take(chosen), negatives.windows.take(rejected)])
            yield inputs, np.repeat(np.array([1, 0], np.float32), [len(chosen), len(rejected)])

    def _learn(self, inputs: Floats, labels: Floats, step: float) -> float:
        """One step down the cross-entropy of a batch."""
        hidden, bias, output, offset = self.weights
        before = inputs @ hidden + bias
        kept = (self._random.random(before.shape, np.float32) >= DROPPED) / np.float32(1 - DROPPED)
        active = np.maximum(before, 0) * kept
        logits = active @ output + offset
        error = ((1 + np.tanh(logits / 2)) / 2 - labels) / len(labels)
        back = error[:, None] * output * kept * (before > 0)
        self._descend([inputs.T @ back, back.sum(axis=0), active.T @ error, error.sum()], step)
        return float((np.logaddexp(0, logits) - labels * logits).mean())

    def _descend(self, slopes: list[Floats], step: float) -> None:
        """Adam."""
        self._steps += 1
        keep, keep_square = DECAY
        size = step * np.sqrt(1 - keep_square**self._steps) / (1 - keep**self._steps)
        values = []
        for at, (value, slope) in enumerate(zip(self.weights, slopes, strict=True)):
            self._means[at] = self._means[at] * keep + slope * (1 - keep)
            self._squares[at] = self._squares[at] * keep_square + slope**2 * (1 - keep_square)
            change = size * self._means[at] / (np.sqrt(self._squares[at]) + TINY)
            values.append(np.asarray(value - change, np.float32))
        self.weights = Weights(values[0] * np.float32(1 - WEIGHT_DECAY), *values[1:])


def all_logits(weights: Weights, windows: Windows) -> Floats:
    """``(n,)``, in the order of the windows."""
    order = np.arange(len(windows.starts))
    pieces = [weights.logits(windows.take(order[at : at + CHUNK])) for at in range(0, len(order), CHUNK)]
    return np.concatenate([np.empty(0, np.float32), *pieces])


def hardest(weights: Weights, windows: Windows) -> Negatives:
    """The windows with those most like the phrase marked."""
    logits = all_logits(weights, windows)
    count = min(len(logits), max(BATCH, int(HARDEST * len(logits))))
    return Negatives(windows, np.argpartition(logits, -count)[-count:])
