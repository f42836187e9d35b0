"""Dispatchers: which thread runs an actor."""

import logging
import queue
import threading
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from typing import Protocol

from clawft.runtime.port import LoopPort, dismiss, enlist

log = logging.getLogger(__name__)

Job = Callable[[], object]


class Dispatcher(Protocol):
    """Runs mailboxes: up to ``quantum`` messages of one actor in a row, in up to ``slice`` seconds."""

    name: str
    quantum: int
    slice: float

    def execute(self, job: Job) -> None: ...
    def requeue(self, job: Job) -> None: ...
    def shutdown(self) -> None: ...


class PoolDispatcher:
    """A few threads drain one queue of mailboxes. It grows only while workers wait in ``Reply.get``."""

    slice = 0.005

    def __init__(self, size: int, name: str = "pool", *, most: int = 128, quantum: int = 64) -> None:
        self.name, self.size, self.most, self.quantum = name, size, most, quantum
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = allocate_lock()
        self._threads = self._waiting = 0
        self._closed = False

    def execute(self, job: Job) -> None:
        self._jobs.put(job)
        if self._threads - self._waiting < self.size:
            self._grow()

    requeue = execute

    def begin_wait(self) -> None:
        with self._lock:
            self._waiting += 1
        self._grow()

    def end_wait(self) -> None:
        with self._lock:
            self._waiting -= 1

    def shutdown(self) -> None:
        """End every thread once it has done what is queued before."""
        self._closed = True
        for _ in range(self._threads):
            self._jobs.put(None)

    def _grow(self) -> None:
        with self._lock:
            enough = self._threads - self._waiting >= self.size or self._threads >= self.most
            if enough or self._closed or self._jobs.empty():
                return
            self._threads += 1
            name = f"{self.name}-{self._threads}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        enlist(get_ident(), self)
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("a job of %s failed", self.name)
            job = None  # a waiting worker must not keep the last actor alive
            if self._surplus():
                break
        dismiss(get_ident())

    def _surplus(self) -> bool:
        if self._threads - self._waiting <= self.size:
            return False
        with self._lock:
            if self._threads - self._waiting <= self.size:
                return False
            self._threads -= 1
            return True


class PinnedDispatcher(PoolDispatcher):
    """One private thread for one actor."""

    def __init__(self, name: str) -> None:
        super().__init__(1, name, most=1, quantum=1 << 30)
        self.slice = float("inf")


class LoopDispatcher:
    """Actors on the event loop's thread. An idle one told from that thread runs in the sender's call."""

    name = "loop"
    slice = 0.001
    deepest = 8
    """Calls into one another before the next is queued: an endless exchange must not overflow the stack."""

    def __init__(self, port: LoopPort, quantum: int = 64) -> None:
        self.port, self.quantum = port, quantum
        self._depth = 0

    def execute(self, job: Job) -> None:
        if get_ident() != self.port.thread or self._depth >= self.deepest:
            self.port.post(_call, job)
            return
        self._depth += 1
        try:
            job()
        finally:
            self._depth -= 1

    def requeue(self, job: Job) -> None:
        self.port.post(_call, job)

    def shutdown(self) -> None:
        """The loop is not ours to stop."""


def _call(job: Job) -> None:
    job()
