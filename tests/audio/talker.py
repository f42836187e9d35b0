"""A host with voice at a virtual sound card, and somebody beside its microphone."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import psutil

from clawft.app import App, Options
from clawft.domain.costs import Usage
from clawft.domain.events import Frame
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta
from clawft.drivers.models.registry import Models
from clawft.messages.events import Subscription
from clawft.messages.sessions import GetSession
from clawft.messages.voice import GetVoiceStatus, PutVoiceSettings
from tests.audio.people import Listener, Room

ANSWER = "The door is open."
STORY = (
    "Once upon a time there was a king who lived in a castle by the sea. Every morning he went down to the "
    "water and counted the ships. One day there were no ships at all, and he wondered what had happened."
)
TOPICS = ("state", "transcript", "wake", "barge_in", "device", "error")
"""Of ``voice:``."""
SOON = 20.0
"""Seconds until something has to have happened, on a machine that does other things too."""


class Card(Protocol):
    def do(self, verb: str, *how: str) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


class Teller:
    """A model that tells a story to whoever asks for one, and answers everything else in one sentence."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        wish = request.messages[-1].content
        text = STORY if "stor" in wish or "short" in wish else ANSWER  # as well as it is understood
        for word in text.split(" "):
            yield TextDelta(word + " ")
        yield Finished("end", Usage())


class News(NamedTuple):
    at: float
    topic: str
    data: dict[str, Any]


class Talker:
    """A host with voice, and somebody beside its microphone."""

    def __init__(self, folder: Path, card: Card) -> None:
        models = Models()
        models.add("offline", Teller())
        self.app = App(Options(folder, port=0), models=models)
        self.card = card
        self.news: list[News] = []
        self.room = Room()
        self.ears = Listener()

    async def start(self, **settings: Any) -> None:
        await self.app.start()
        for topic in TOPICS:
            await self.ask("events", Subscription(f"voice:{topic}", self._keep))
        self.room.__enter__()
        self.ears.__enter__()
        await self.ask("voice", PutVoiceSettings(enabled=True, **settings))
        await self.until(lambda: bool(self.of("device", available=True)))
        async with asyncio.timeout(SOON):
            while (await self.status()).engines is msgspec.UNSET:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # the room's own noise has reached the detector

    async def stop(self) -> None:
        self.ears.__exit__()
        self.room.__exit__()
        assert await self.app.stop() == ()

    def ask(self, actor: str, message: Any) -> Any:
        return self.app.system.ask(actor, message)

    async def status(self) -> Any:
        return await self.ask("voice", GetVoiceStatus())

    def _keep(self, frame: Frame) -> None:
        body = msgspec.json.decode(frame.body)
        self.news.append(News(time.monotonic(), frame.topic.removeprefix("voice:"), body["data"]))

    def of(self, topic: str, since: float = 0.0, **like: Any) -> list[News]:
        """News of this kind whose members are like that."""
        return [
            news
            for news in self.news
            if news.topic == topic
            and news.at >= since
            and all(news.data.get(name) == value for name, value in like.items())
        ]

    async def until(self, happened: Callable[[], bool], seconds: float = SOON) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"it did not happen; there was {self.news}") from None

    async def state(self, state: str, since: float = 0.0) -> News:
        await self.until(lambda: bool(self.of("state", since, state=state)))
        return self.of("state", since, state=state)[0]

    async def says(self, *pieces: Any) -> float:
        """Returns the time at which the last word was over."""
        await asyncio.to_thread(self.room.play, np.concatenate(pieces))
        return time.monotonic()

    async def messages(self) -> list[tuple[str, str]]:
        detail = await self.ask("sessions", GetSession("voice"))
        return [(message.role, message.content) for message in detail.messages]

    def children(self, name: str) -> list[psutil.Process]:
        found = []
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # it has ended by now
                if any(f"audio.{name}" in word for word in child.cmdline()):
                    found.append(child)
        return found
