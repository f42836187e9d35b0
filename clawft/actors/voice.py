"""The voice device: what it is set to, and whether there is one."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from clawft.actors.publish import publish
from clawft.domain.events import VoiceChanged
from clawft.domain.values import Ok, Success
from clawft.domain.voice import (
    Availability,
    MicTest,
    SpeakerTest,
    VoiceSettings,
    VoiceStatus,
    VoiceStatusChange,
)
from clawft.errors import Conflict
from clawft.messages.channels import ChannelReport
from clawft.messages.voice import GetVoiceStatus, PushToTalk, PutVoiceSettings, TestMic, TestSpeaker
from clawft.runtime import Actor, Tell, on
from clawft.store.settings import SettingsStore

SETTINGS = "voice"
"""The key of the voice settings."""
FIRST_LOOK, LOOK = 1.0, 60.0
"""Seconds after the start, and between two looks at the sound card after that. A look is a child process."""


class Card(Protocol):
    """A sound card: ``drivers.audio.SoundCard``, or what a test has in its place."""

    def check(self) -> Awaitable[Availability]: ...
    def test_mic(self) -> Awaitable[MicTest]: ...
    def test_speaker(self) -> Awaitable[SpeakerTest]: ...


class Look(Tell, frozen=True):
    """See whether the sound card is still there."""


class Voice(Actor):
    """The one voice device. Without a sound card it says so, keeps its settings, and everything else works.

    ``available`` is at most a minute old: nobody who asks waits for the sound system, but for the first time.
    """

    concurrency = 8  # a test of the microphone takes a second, and the status is asked for meanwhile

    def __init__(self, *, store: SettingsStore, card: Card) -> None:
        super().__init__()
        self._store = store
        self._card = card
        self._settings = VoiceSettings()
        self._available: Availability | None = None
        self._changing = asyncio.Lock()
        self._looking = asyncio.Lock()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        self._settings = await self._store.get(SETTINGS, VoiceSettings) or VoiceSettings()
        self.later(FIRST_LOOK, Look())
        self.every(LOOK, Look())

    @on(Look)
    async def look(self, _: Look) -> None:
        async with self._looking:
            self._available = await self._card.check()
        there = self._available.available
        self.tell("channels", ChannelReport("voice", "connected" if there else "disconnected"))

    @on(GetVoiceStatus)
    async def status(self, _: GetVoiceStatus) -> VoiceStatus:
        available = self._available or await self._first_look()
        return VoiceStatus(
            state="idle",
            talk_mode_active=False,
            wake_word_enabled=self._settings.wake_word_enabled,
            settings=self._settings,
            available=available.available,
            reason=available.reason,
            hint=available.hint,
        )

    async def _first_look(self) -> Availability:
        async with self._looking:  # two who ask at once wait for the same look
            if self._available is None:
                self._available = await self._card.check()
        return self._available

    @on(PutVoiceSettings)
    async def put(self, ask: PutVoiceSettings) -> Success:
        async with self._changing:
            settings = ask.applied_to(self._settings)
            await self._store.put(SETTINGS, settings)
            self._settings = settings
        publish(self, VoiceChanged(VoiceStatusChange(state="idle")))
        return Success()

    @on(PushToTalk)
    async def push_to_talk(self, _: PushToTalk) -> Ok:
        there = self._available or await self._first_look()
        raise Conflict(f"no voice here: {there.reason or 'nothing on this host understands speech'}")

    @on(TestMic)
    async def test_mic(self, ask: TestMic) -> MicTest:
        return await self._card.test_mic()

    @on(TestSpeaker)
    async def test_speaker(self, ask: TestSpeaker) -> SpeakerTest:
        return await self._card.test_speaker()
