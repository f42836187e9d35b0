"""A host in this process: the same questions and events as over HTTP, without a socket in between."""

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import msgspec

from clawft.app import App, Options
from clawft.domain.events import Frame
from clawft.errors import Unavailable
from clawft.messages.events import Subscription, Unsubscribe
from clawft.runtime import Ask
from clawft.wire import Json, in_our_words, route_of

R = TypeVar("R")

MOST_FRAMES = 10_000
"""Frames that may wait for their reader before it is told that it is too slow."""


class Here:
    """A host on this event loop. On a temporary folder it leaves nothing behind."""

    def __init__(self, app: App, folder: contextlib.ExitStack) -> None:
        self._app = app
        self._folder = folder

    @classmethod
    async def open(cls, data_dir: Path | None) -> "Here":
        """Start a host on ``data_dir``, or on a temporary folder."""
        with contextlib.ExitStack() as stack:
            if data_dir is None:
                temporary = tempfile.TemporaryDirectory(prefix="clawft-", ignore_cleanup_errors=True)
                data_dir = Path(stack.enter_context(temporary))
            app = App(Options(data_dir=data_dir, port=0))
            await app.start()
            return cls(app, stack.pop_all())

    @property
    def url(self) -> str:
        return self._app.url

    async def ask(self, message: Ask[R]) -> R:
        """What the actor answers that takes messages of this kind."""
        route = route_of(type(message))
        try:
            return await self._app.system.ask(route.actor, message, timeout=route.patience)
        except Exception as error:
            raise in_our_words(error) from error

    @contextlib.asynccontextmanager
    async def frames(self, *topics: str) -> AsyncIterator[AsyncIterator[Json]]:
        """The frames of these topics from the moment the block is entered."""
        inbox = Inbox()
        listener = inbox.put
        try:
            for topic in topics:
                for frame in await self._app.system.ask("events", Subscription(topic, listener), timeout=10):
                    inbox.put(frame)
            yield inbox.frames()
        finally:
            self._app.system.tell("events", Unsubscribe(listener))

    async def close(self) -> None:
        """Stop the host: what runs is finished or marked."""
        try:
            await self._app.stop()
        finally:
            self._folder.close()


class Inbox:
    """Frames that wait for their reader."""

    def __init__(self) -> None:
        self._waiting: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._overrun = False

    def put(self, frame: Frame) -> None:
        self._overrun = self._overrun or len(self._waiting) >= MOST_FRAMES
        if not self._overrun:
            self._waiting.append(frame)
        self._arrived.set()

    async def frames(self) -> AsyncIterator[Json]:
        """Every frame in order; a reader who fell behind is told so at the point where frames are missing."""
        while True:
            while self._waiting:
                frame: Json = msgspec.json.decode(self._waiting.popleft().body)
                yield frame
            if self._overrun:
                raise Unavailable(
                    f"more than {MOST_FRAMES} events waited to be read: those that follow are lost"
                )
            self._arrived.clear()
            await self._arrived.wait()
