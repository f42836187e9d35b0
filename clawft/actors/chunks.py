"""Chunks: an answer as it is made, published in pieces a reader can follow and a host can afford."""

import asyncio
from collections.abc import Callable

PAUSE = 0.03
"""Seconds between two pieces. Models send a token at a time; a frame for each helps no reader."""


class Chunks:
    """Collects what is said. The first words are published at once, further ones every ``PAUSE`` seconds.

    Belongs to one coroutine on the event loop, which calls ``flush`` when the answer has ended.
    """

    def __init__(self, publish: Callable[[str], None], pause: float = PAUSE) -> None:
        self._publish = publish
        self._pause = pause
        self._said: list[str] = []
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._gap = False

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._said)

    def add(self, text: str) -> None:
        if not text:
            return
        piece = f"\n\n{text}" if self._gap else text
        self._gap = False
        self._said.append(piece)
        self._waiting.append(piece)
        if self._timer is None:
            self._send()

    def paragraph(self) -> None:
        """What is said next, if anything, begins a new paragraph."""
        self._gap = bool(self._said)

    def flush(self) -> None:
        """Publish what is left, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._publish("".join(self._waiting))
            self._waiting.clear()

    def _send(self) -> None:
        self._timer = None
        if self._waiting:
            self.flush()
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._send)
