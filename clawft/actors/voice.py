"""The voice device: the one actor that owns its state, its settings and its children."""

import asyncio
import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Protocol

from clawft.actors.clock import utc_now
from clawft.actors.conversation import Conversation
from clawft.actors.publish import publish
from clawft.actors.sound import Sound, engines_of
from clawft.actors.spoken_approval import SpokenApproval
from clawft.domain.config import ConfigData
from clawft.domain.events import VoiceChanged, VoiceHappened
from clawft.domain.keys import DEFAULT_BASES
from clawft.domain.values import UNSET, Ok
from clawft.domain.voice import (
    Availability,
    DeviceNews,
    Heard,
    MicTest,
    Recording,
    SoundDevice,
    SpeakerTest,
    SpeechFormat,
    Transcript,
    VoiceNews,
    VoiceSaved,
    VoiceSettings,
    VoiceState,
    VoiceStateChange,
    VoiceStatus,
    VoiceStatusChange,
    VoiceTrouble,
)
from clawft.domain.voice_wire import Press, Synthesised
from clawft.drivers.audio.card import mic_test, sound_devices, speaker_test
from clawft.errors import Conflict, Invalid, Unavailable
from clawft.messages.channels import ChannelReport, ChannelUsed
from clawft.messages.config import ConfigChanged, SecretOf, WatchConfig
from clawft.messages.voice import (
    CloseVoice,
    GetSpeechFormat,
    GetVoiceStatus,
    HearWords,
    InterruptVoice,
    ListSoundDevices,
    MakeSpeech,
    PushToTalk,
    PutVoiceSettings,
    Say,
    SayAloud,
    SetTalkMode,
    TestMic,
    TestSpeaker,
    TranscribeSound,
)
from clawft.runtime import Actor, Tell, on
from clawft.store.settings import SettingsStore

log = logging.getLogger(__name__)

SETTINGS = "voice"
"""The key of the voice settings."""
FIRST_LOOK, LOOK = 1.0, 60.0
"""Seconds after the start, and between two looks at the sound card after that, while voice is switched off. A
look is a child process."""


class Card(Protocol):
    """A sound card: ``drivers.audio.SoundCard``, or what a test has in its place."""

    def check(self) -> Awaitable[Availability]: ...
    def test_mic(self) -> Awaitable[MicTest]: ...
    def test_speaker(self) -> Awaitable[SpeakerTest]: ...
    def devices(self) -> Awaitable[tuple[SoundDevice, ...]]: ...


class Look(Tell, frozen=True):
    """See whether the sound card is still there."""


class Voice(Actor):
    """Without a sound card it says so, keeps its settings, and everything else works.

    While it is switched on, two child processes hold the card and the engines of speech. While it is switched
    off ``available`` is at most a minute old, and nobody who asks waits for the sound system, but for the
    first time.
    """

    concurrency = 64  # a test of the microphone takes a second, and the status is asked for meanwhile

    def __init__(self, *, store: SettingsStore, card: Card, wake: Path) -> None:
        """``wake``: the folder of wake phrases that were trained here."""
        super().__init__()
        self._store = store
        self._card = card
        self._settings = VoiceSettings()
        self._config = ConfigData()
        self._available: Availability | None = None
        self._changing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._sound = Sound(self, self.background, wake)
        self._talk = Conversation(self._sound, ask=self.ask, side=self, background=self.background)
        self._approval = SpokenApproval(self._talk, ask=self.ask, background=self.background)

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        self._settings = await self._store.get(SETTINGS, VoiceSettings) or VoiceSettings()
        self.later(FIRST_LOOK, Look())
        self.every(LOOK, Look())
        self._config = await self.ask("config", WatchConfig(self.path))
        await self._set_engines()
        await self._approval.follow()
        self._apply()

    def on_stop(self) -> None:
        self._sound.end()

    # -- how it stands

    @on(Look)
    async def look(self, _: Look) -> None:
        if not self._settings.enabled:
            async with self._looking:
                found = await self._card.check()
            if not self._settings.enabled:
                self._available = found
        self._report()

    def _report(self) -> None:
        there = self._available is not None and self._available.available
        self.tell("channels", ChannelReport("voice", "connected" if there else "disconnected"))

    @on(GetVoiceStatus)
    async def status(self, _: GetVoiceStatus) -> VoiceStatus:
        available = self._available or await self._first_look()
        return VoiceStatus(
            state=self._talk.state,
            talk_mode_active=self._talk.talk,
            wake_word_enabled=self._settings.wake_word_enabled,
            settings=self._settings,
            available=available.available,
            reason=available.reason,
            hint=available.hint,
            device=self._sound.device or UNSET,
            engines=self._sound.engines or UNSET,
        )

    async def _first_look(self) -> Availability:
        async with self._looking:  # two who ask at once wait for the same look
            if self._available is None:
                self._available = await self._card.check()
        return self._available

    # -- how it is set

    @on(PutVoiceSettings)
    async def put(self, ask: PutVoiceSettings) -> VoiceSaved:
        async with self._changing:
            settings = ask.applied_to(self._settings)
            await self._store.put(SETTINGS, settings)
            before, self._settings = self._settings, settings
            if before.enabled and not settings.enabled:
                self._talk.stop()
                self._talk.talk = False
                await self._sound.close()
            else:
                self._apply()
        self.state_changed(self._talk.state, "", "")
        return VoiceSaved(notes=self._notes() or UNSET)

    def _apply(self) -> None:
        settings = self._settings
        self._talk.language, self._talk.cues = settings.language, settings.cues is not False
        if settings.enabled:
            self._sound.set(settings)

    def _notes(self) -> tuple[str, ...]:
        """What the engines cannot do of what was chosen."""
        ready, language = self._sound.ready, self._settings.language
        if ready is None:
            return ()
        return tuple(
            f"{name} {verb} only {', '.join(known)}; for {language} set another engine in the config"
            for name, verb, known in (
                (ready.stt, "understands", ready.stt_languages),
                (ready.tts, "speaks", ready.tts_languages),
            )
            if known and language not in known
        )

    @on(ConfigChanged)
    async def config_changed(self, note: ConfigChanged) -> None:
        self._config = note.config
        await self._set_engines()

    async def _set_engines(self) -> None:
        voice = self._config.voice
        self._talk.agents = voice.agents
        keys, bases = {}, {}
        for provider in {voice.stt.provider or "openai", voice.tts.provider or "openai"}:
            entry = self._config.providers.get(provider)
            base = entry.api_base if entry is not None else ""
            bases[provider] = base or DEFAULT_BASES.get(provider, "")
            key: str | None = await self.ask("config", SecretOf(provider, base))
            keys[provider] = key or ""
        self._sound.set_engines(engines_of(self._config, keys, bases))

    @on(CloseVoice)
    async def close(self, _: CloseVoice) -> Ok:
        self._talk.stop()
        await self._sound.gone()
        return Ok()

    # -- talking

    @on(SetTalkMode)
    async def set_talk(self, ask: SetTalkMode) -> Ok:
        if ask.active:
            await self._must_be_open()
        self._talk.set_talk(ask.active)
        return Ok()

    @on(PushToTalk)
    async def push_to_talk(self, ask: PushToTalk) -> Ok:
        if ask.down:
            await self._must_be_open()
        self._sound.to_io(Press(ask.down))
        return Ok()

    @on(InterruptVoice)
    def interrupt(self, _: InterruptVoice) -> Ok:
        self._talk.interrupt()
        return Ok()

    @on(Say)
    async def say(self, ask: Say) -> Ok:
        await self._must_be_open()
        await self._talk.say(ask.text)
        return Ok()

    @on(SayAloud)
    def say_aloud(self, note: SayAloud) -> None:
        if self._sound.is_open:
            self.background(self._talk.say(note.text))

    @on(HearWords)
    async def hear(self, ask: HearWords) -> Heard:
        await self._must_be_open()
        return Heard(await self._talk.hear(ask.seconds))

    async def _must_be_open(self) -> None:
        if self._sound.is_open:
            return
        if not self._settings.enabled:
            raise Conflict("voice is switched off; switch it on with PUT /api/voice/settings {enabled: true}")
        there = self._available
        why = there.reason if there is not None and not there.available else "the sound card is being opened"
        raise Conflict(f"no voice here: {why}")

    # -- trying, and single recordings

    @on(TestMic)
    async def test_mic(self, ask: TestMic) -> MicTest:
        if not self._settings.enabled:
            return await self._card.test_mic()
        try:
            await self._must_be_open()
            found = await self._sound.measure_mic()
        except (Conflict, Unavailable) as error:
            return MicTest(success=False, level=0.0, error=str(error))
        return mic_test(found)

    @on(TestSpeaker)
    async def test_speaker(self, ask: TestSpeaker) -> SpeakerTest:
        if not self._settings.enabled:
            return await self._card.test_speaker()
        try:
            await self._must_be_open()
            found = await self._sound.measure_speaker()
        except (Conflict, Unavailable) as error:
            return SpeakerTest(success=False, error=str(error))
        return speaker_test(found)

    @on(ListSoundDevices)
    async def devices(self, _: ListSoundDevices) -> tuple[SoundDevice, ...]:
        if not self._settings.enabled:
            return await self._card.devices()
        found = await self._sound.devices()
        if found.error:
            raise Unavailable(found.error)
        return sound_devices(found.devices)

    @on(GetSpeechFormat)
    async def speech_format(self, _: GetSpeechFormat) -> SpeechFormat:
        tts, ready = self._config.voice.tts, self._sound.ready
        return SpeechFormat(tts.engine, tts.voice, languages=ready.tts_languages if ready else ())

    @on(MakeSpeech)
    async def make_speech(self, ask: MakeSpeech) -> Recording:
        made: Synthesised = await self._sound.synthesise(ask.text, ask.language or self._settings.language)
        if made.error:
            raise Unavailable(made.error)
        return Recording(made.rate, made.pcm)

    @on(TranscribeSound)
    async def transcribe(self, ask: TranscribeSound) -> Heard:
        found = await self._sound.transcribe(ask.pcm, self._settings.language)
        if found.error:
            raise Invalid(found.error)
        return Heard(found.text)

    # -- what the device and the conversation tell

    def heard_from(self, message: Any) -> None:
        self._talk.heard_from(message)

    def device_opened(self) -> None:
        self._available = Availability(available=True)
        self.tell_news(DeviceNews(available=True))
        self._report()
        self._talk.device_opened()

    def device_lost(self, reason: str, hint: str) -> None:
        if not self._settings.enabled:
            return
        self._available = Availability(available=False, reason=reason, hint=hint or UNSET)
        log.warning("the voice device is not there: %s", reason)
        self.tell_news(DeviceNews(available=False, reason=reason, hint=hint or UNSET))
        self._report()
        self._talk.device_lost()

    def speech_died(self, why: str) -> None:
        if self._settings.enabled:
            self.tell_news(VoiceTrouble(f"what was being said is lost: {why}"))
            self._talk.speech_died()

    def tell_news(self, news: VoiceNews) -> None:
        publish(self, VoiceHappened(news))
        if isinstance(news, Transcript) and news.final and news.taken:
            publish(self, VoiceChanged(self._change(self._talk.state, news.text, "")))

    def state_changed(self, state: VoiceState, transcript: str, response: str) -> None:
        publish(self, VoiceChanged(self._change(state, transcript, response)))
        publish(self, VoiceHappened(VoiceStateChange(state, self._talk.talk)))

    def _change(self, state: VoiceState, transcript: str, response: str) -> VoiceStatusChange:
        return VoiceStatusChange(state, transcript, response, talk_mode_active=self._talk.talk)

    def message_went(self) -> None:
        self.tell("channels", ChannelUsed("voice", utc_now()))
