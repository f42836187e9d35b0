"""Trained phrases: the detector of one, and the files they are kept in, ``<data>/wake/<slug>.npz``."""

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clawft.drivers import atomic
from clawft.drivers.audio.embeddings import FRAME, HOP, OVERLAP, REACH, SIZE, Floats, SpeechEmbedding
from clawft.drivers.audio.engines import RATE, EngineFailed

FOLDER = "wake"
"""In the data folder."""
VERSION = 1
"""Of the files. One of another version is refused: the phrase is trained again in minutes."""
WINDOW = 16
"""Embeddings the network sees, as in openWakeWord: 1.3 s, and the 0.8 s the first of them reaches back."""
INPUTS = WINDOW * SIZE
HIDDEN = 48
"""Neurons between: more did not hear better, and made the file larger (300 kB)."""
COOL_DOWN = 2.0
"""Seconds after an alarm in which there is no other: one phrase lies in many windows."""
STEP = 2 * HOP * FRAME
"""Samples between two looks, 160 ms. Two embeddings in one run cost hardly more than one."""
QUIET_PAST = 3.0
"""Seconds of a quiet room a detector begins with; without a past it would be deaf for as long."""
FLOOR = 10 ** (-60 / 20) * 32768
"""RMS of that quiet room, -60 dBFS. Digital silence is nothing the network has ever heard."""
LARGEST = 4 * 1024 * 1024
"""Bytes such a file may have."""
LONGEST = 60
"""Characters of a phrase."""


class Weights(NamedTuple):
    """A network of one hidden layer: ``relu(x @ hidden + bias) @ output + offset`` is the logit."""

    hidden: Floats
    """``(1536, 48)``"""
    bias: Floats
    """``(48,)``"""
    output: Floats
    """``(48,)``"""
    offset: Floats
    """``()``"""

    def logits(self, windows: Floats) -> Floats:
        """``(n, 1536)`` to ``(n,)``"""
        found: Floats = np.maximum(windows @ self.hidden + self.bias, 0) @ self.output + self.offset
        return found


SHAPES = {"hidden": (INPUTS, HIDDEN), "bias": (HIDDEN,), "output": (HIDDEN,), "offset": ()}


class Model(NamedTuple):
    """What training leaves: all a detector needs."""

    phrase: str
    threshold: float
    """The logit from which on the phrase was said."""
    weights: Weights


class TrainedPhrase:
    """Hears one trained phrase."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._embedding = SpeechEmbedding()
        self._deaf = 0
        """Samples to go in which there is no alarm."""
        self._quiet = self._past()
        self.reset()

    @property
    def phrase(self) -> str:
        """As it was trained, in lower case."""
        return self._model.phrase

    def feed(self, pcm: bytes) -> bool:
        """The next 10 ms at ``RATE``: whether the phrase has just ended."""
        self._waiting += pcm
        self._deaf = max(0, self._deaf - len(pcm) // 2)
        if len(self._waiting) < 2 * (OVERLAP + STEP):
            return False
        heard = self._look() and not self._deaf
        if heard:
            self._deaf = int(COOL_DOWN * RATE)
        return heard

    def reset(self) -> None:
        """Forget what was heard: a quiet room was before."""
        self._waiting = bytearray(2 * OVERLAP)
        self._deaf = 0
        self._mels, self._window = (part.copy() for part in self._quiet)

    def _look(self) -> bool:
        samples = np.frombuffer(self._waiting, "<i2", OVERLAP + STEP)
        mels = self._embedding.mels(samples)
        del samples  # a bytearray that is looked at cannot be cut
        del self._waiting[: 2 * STEP]
        self._mels = np.concatenate([self._mels, mels])[-(REACH - HOP + len(mels)) :]
        self._window = np.concatenate([self._window, self._embedding.embed(self._mels)])[-WINDOW - 1 :]
        logits = self._model.weights.logits(windows(self._window))
        return bool(logits.max() >= self._model.threshold)

    def _past(self) -> tuple[Floats, Floats]:
        noise = np.random.default_rng(0).normal(0, FLOOR, int(QUIET_PAST * RATE))
        mels = self._embedding.mels(noise.astype(np.int16))
        return mels[-REACH:], self._embedding.embed(mels)[-WINDOW - 1 :]


def windows(embeddings: Floats) -> Floats:
    """``(n, 96)`` to ``(n - 15, 1536)``: every run of 16, the oldest first."""
    view = np.lib.stride_tricks.sliding_window_view(embeddings, WINDOW, axis=0)
    return np.ascontiguousarray(view.transpose(0, 2, 1)).reshape(-1, INPUTS)


def tidy(phrase: str) -> str:
    """The phrase in lower case, its words one space apart. Raises ``EngineFailed`` for what cannot be one."""
    found = " ".join(phrase.lower().split())
    if not re.fullmatch(r"[^\W\d_]([^\W_]|[ '-])*", found) or len(found) > LONGEST:
        raise EngineFailed(
            f"{phrase!r} cannot be a wake phrase: it is words of letters, {LONGEST} characters at most"
        )
    return found


def file_of(phrase: str, folder: Path) -> Path:
    """Where the phrase is kept, whether it was trained or not."""
    return folder / (re.sub(r"[ '-]+", "-", tidy(phrase)).strip("-") + ".npz")


def trained(folder: Path) -> tuple[str, ...]:
    """The phrases that were trained, sorted. Files that cannot be read are left out."""
    found = []
    for path in folder.glob("*.npz"):
        try:
            found.append(load(path).phrase)
        except EngineFailed:
            continue
    return tuple(sorted(found))


def save(model: Model, folder: Path) -> Path:
    """Keep it; one trained before under the same name is replaced, or left as it is when this fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = file_of(model.phrase, folder)
    members: dict[str, Any] = {
        "version": np.int64(VERSION),
        "phrase": np.array(model.phrase),
        "threshold": np.float32(model.threshold),
        **{name: np.asarray(value, np.float32) for name, value in model.weights._asdict().items()},
    }
    content = io.BytesIO()
    np.savez(content, **members)
    atomic.write(path, content.getvalue())
    return path


def load(path: Path) -> Model:
    """Raises ``EngineFailed``, which names the file, for one missing, damaged, or of another version."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST)
    except OSError as error:
        raise EngineFailed(f"{path.name} cannot be read: {error.strerror or error}") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as members:
            return _model(dict(members))
    # numpy, zipfile and zlib raise eight kinds between them for what may be damaged in such a file.
    except Exception as error:
        raise EngineFailed(f"{path.name} is no trained phrase ({error}): train it again") from error


def _model(members: dict[str, NDArray[Any]]) -> Model:
    """Raises where it is not what ``save`` wrote."""
    if (version := int(members["version"])) != VERSION:
        raise ValueError(f"version {version}, not {VERSION}")
    found = {name: _member(members, name, shape) for name, shape in SHAPES.items()}
    threshold = float(_member(members, "threshold", ()))
    return Model(str(members["phrase"]), threshold, Weights(**found))


def _member(members: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> Floats:
    value: Floats = members[name]
    if value.shape != shape or value.dtype != np.float32:
        raise ValueError(f"{name} is {value.dtype}{value.shape}, not float32{shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} is not finite")
    return value
