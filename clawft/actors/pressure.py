"""The one who watches memory: has what is idle shed, and then new work."""

import gc
import logging
import os
from collections.abc import Callable

import psutil

from clawft.domain.pressure import Pressure, pressure_at
from clawft.drivers.memory_size import give_back
from clawft.messages.sessions import Shed
from clawft.runtime import Actor, Ask, Tell, on

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0


class LookAtMemory(Tell, frozen=True):
    """How much is used now?"""


class PressureTrouble(Ask[str], frozen=True):
    """Why new work is refused, or what is shed; empty when memory is not short. Answered from memory."""


class MemoryWatch(Actor):
    """Looks every two seconds."""

    def __init__(self, *, limit: int, used: Callable[[], int] | None = None) -> None:
        """``limit``: bytes; 0: there is none."""
        super().__init__()
        self._limit = limit
        process = psutil.Process(os.getpid())
        self._used = used or (lambda: int(process.memory_info().rss))
        self._pressure: Pressure = "none"

    def on_start(self) -> None:
        if self._limit:
            self.every(LOOK_EVERY, LookAtMemory())

    @on(LookAtMemory)
    def look(self, _: LookAtMemory) -> None:
        before, self._pressure = self._pressure, pressure_at(self._used(), self._limit, self._pressure)
        if self._pressure != before:
            log.warning("memory: %s is shed, at %d MiB", self._pressure, self._used() >> 20)
        if self._pressure != "none" or before != "none":
            self.tell("sessions", Shed(idle=self._pressure != "none", work=self._pressure == "work"))
        if self._pressure != "none":
            gc.collect()
            give_back()

    @on(PressureTrouble)
    def trouble(self, _: PressureTrouble) -> str:
        if self._pressure == "none":
            return ""
        shed = "new work is refused" if self._pressure == "work" else "what is idle is put away"
        return f"memory is short ({self._used() >> 20} of {self._limit >> 20} MiB): {shed}"
