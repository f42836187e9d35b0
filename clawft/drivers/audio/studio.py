"""The studio: where examples are made, on all cores, and speech about other things is kept."""

import io
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from clawft.drivers import atomic
from clawft.drivers.audio.corpus import contains
from clawft.drivers.audio.examples import Clip, Order, running, said, start_worker
from clawft.drivers.audio.speakers import Group

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, float], None]
"""Told what is being done, and how much of all is done, from 0 to 1. May raise to end it."""

VERSION = 1
"""Of the kept speech. To be raised when speakers, texts or rooms change."""
SEEDS: dict[Group, int] = {"training": 1_000_000, "tuning": 2_000_000, "testing": 3_000_000}
"""Where each group's seeds begin, so that no two say the same."""
CHUNK = 4
"""Orders a process takes at once: they are done before a cancelled training ends."""


class Studio:
    """Makes examples until it is closed."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        """``folder`` keeps the speech about other things, which is most of the work and the same for all."""
        self._folder = folder
        self._progress = progress
        # spawn, since what is forked would share the threads' locks of whoever asks for a training
        self._pool = ProcessPoolExecutor(
            os.cpu_count(), multiprocessing.get_context("spawn"), initializer=start_worker
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def speech(self, group: Group, count: int, without: str, share: tuple[float, float]) -> list[Clip]:
        """So many half minutes in which the phrase does not occur. ``share`` is that of the progress."""
        path = self._folder / f"{group}.npz"
        clips = _load(path)
        if len(clips) < count:
            seeds = range(SEEDS[group] + len(clips), SEEDS[group] + count)
            clips += self._all(partial(running, group), seeds, "hearing other speech", share)
            _keep(clips, path)
        return [clip for clip in clips[:count] if not contains(clip.text, without)]

    def clips(self, orders: Sequence[Order], what: str, share: tuple[float, float]) -> list[list[Clip]]:
        """For each order its clips, one a room."""
        return self._all(said, orders, what, share)

    def _all(self, make: Callable[[T], R], of: Sequence[T], what: str, share: tuple[float, float]) -> list[R]:
        begin, end = share
        found = []
        self._progress(what, begin)
        for made in self._pool.map(make, of, chunksize=CHUNK):
            found.append(made)
            self._progress(what, min(end, begin + (end - begin) * len(found) / len(of)))
        return found


def _keep(clips: list[Clip], path: Path) -> None:
    content = io.BytesIO()
    np.savez(
        content,
        version=np.int64(VERSION),
        rows=np.concatenate([clip.embeddings for clip in clips]).astype(np.float16),
        lengths=np.array([len(clip.embeddings) for clip in clips]),
        ends=np.array([clip.end for clip in clips]),
        texts=np.array([clip.text for clip in clips]),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write(path, content.getvalue())


def _load(path: Path) -> list[Clip]:
    """What was kept; nothing where it cannot be read, for it can be made again."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if int(kept["version"]) != VERSION:
                return []
            rows = np.split(kept["rows"].astype(np.float32), np.cumsum(kept["lengths"])[:-1])
            texts, ends = kept["texts"].tolist(), kept["ends"].tolist()
            return [Clip(*clip) for clip in zip(texts, rows, ends, strict=True)]
    except Exception:  # numpy, zipfile and zlib raise eight kinds between them
        return []
