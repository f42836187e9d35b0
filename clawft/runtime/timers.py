"""Timers: something that happens on the loop's thread after a while, or again and again."""

import asyncio
import logging
from collections.abc import Callable

from clawft.runtime.port import LoopPort

log = logging.getLogger(__name__)


class Timer:
    """May be made and cancelled on any thread."""

    def __init__(self, port: LoopPort, seconds: float, act: Callable[[], object], *, again: bool) -> None:
        self._port, self._seconds, self._act, self._again = port, seconds, act, again
        self._handle: asyncio.TimerHandle | None = None
        self._over = False
        port.call(Timer._arm, self)

    def done(self) -> bool:
        """Whether it has fired for the last time or was cancelled."""
        return self._over

    def cancel(self) -> None:
        self._over = True
        self._port.call(Timer._disarm, self)

    def _arm(self) -> None:
        if not self._over:
            self._handle = self._port.loop.call_later(self._seconds, self._fire)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        if self._over:
            return
        self._over = not self._again
        try:
            self._act()
        except Exception:
            log.exception("a timer's act failed")
        if self._again:
            self._arm()
