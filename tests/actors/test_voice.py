"""Voice: settings that last, a device that is honest about not being there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clawft.actors.voice import Look, Voice
from clawft.domain.config import ConfigData
from clawft.domain.events import VoiceChanged
from clawft.domain.values import UNSET
from clawft.domain.voice import (
    Availability,
    MicTest,
    SoundDevice,
    SpeakerTest,
    VoiceSettings,
    VoiceStatusChange,
)
from clawft.errors import Conflict
from clawft.messages.channels import ChannelReport
from clawft.messages.config import WatchConfig
from clawft.messages.events import Publish, Subscription
from clawft.messages.voice import (
    GetVoiceStatus,
    HearWords,
    InterruptVoice,
    ListSoundDevices,
    PushToTalk,
    PutVoiceSettings,
    Say,
    SetTalkMode,
    TestMic,
    TestSpeaker,
)
from clawft.runtime import System
from clawft.store import Store
from clawft.store.settings import SettingsStore
from tests.actors.moments import until
from tests.actors.recorder import Recorder, of_kind


class Card:
    """A sound card that is there or not, and a microphone that takes its time."""

    def __init__(self) -> None:
        self.found = Availability(True)
        self.looks = 0
        self.heard = asyncio.Event()

    async def check(self) -> Availability:
        self.looks += 1
        return self.found

    async def test_mic(self) -> MicTest:
        await self.heard.wait()
        return MicTest(True, 0.6)

    async def test_speaker(self) -> SpeakerTest:
        return SpeakerTest(False, "there is no speaker")

    async def devices(self) -> tuple[SoundDevice, ...]:
        return (SoundDevice("USB speakerphone", 1, 2, 48_000),)


class Host:
    def __init__(self, folder: Path, card: Card) -> None:
        self.heard: list[Any] = []
        self.reports: list[ChannelReport] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, folder)
        self.system.spawn(Recorder, "events", self.heard, {Subscription: ()})
        self.system.spawn(Recorder, "config", [], {WatchConfig: ConfigData()})
        self.system.spawn(Recorder, "channels", self.reports)
        self.system.spawn(Voice, "voice", store=SettingsStore(self.kept), card=card, wake=folder / "wake")

    @property
    def published(self) -> list[Publish]:
        return of_kind(self.heard, Publish)

    async def stop(self) -> None:
        assert await self.system.shutdown(5) == ()
        self.kept.close()


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture
async def host(tmp_path: Path, card: Card) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data", card)
    yield host
    await host.stop()


async def test_the_status_has_the_shape_of_the_contract(host: Host) -> None:
    status = await host.system.ask("voice", GetVoiceStatus())
    assert msgspec.to_builtins(status) == {
        "state": "idle",
        "talkModeActive": False,
        "wakeWordEnabled": False,
        "settings": {
            "enabled": False,
            "wakeWordEnabled": False,
            "language": "en",
            "echoCancel": True,
            "noiseSuppression": True,
            "pushToTalk": False,
        },
        "available": True,
    }


async def test_without_a_device_the_status_says_why_and_what_to_do(host: Host, card: Card) -> None:
    card.found = Availability(False, "there is no microphone", "plug one in")
    status = await host.system.ask("voice", GetVoiceStatus())
    assert (status.available, status.reason, status.hint) == (False, "there is no microphone", "plug one in")


async def test_asking_often_does_not_look_often(host: Host, card: Card) -> None:
    await asyncio.gather(*(host.system.ask("voice", GetVoiceStatus()) for _ in range(20)))
    assert card.looks == 1


async def test_a_device_that_comes_or_goes_is_found_and_reported_to_the_channels(
    host: Host, card: Card
) -> None:
    await host.system.ask("voice", GetVoiceStatus())
    card.found = Availability(False, "gone")
    host.system.tell("voice", Look())
    await until(lambda: host.reports == [ChannelReport("voice", "disconnected")])
    assert not (await host.system.ask("voice", GetVoiceStatus())).available


async def test_settings_are_merged_published_and_kept(tmp_path: Path, card: Card) -> None:
    host = Host(tmp_path / "data", card)
    await host.system.ask("voice", PutVoiceSettings(echo_cancel=False, language="de"))
    await host.system.ask("voice", PutVoiceSettings(wake_word_enabled=True))
    await until(lambda: len(host.published) >= 2)
    assert host.published[0].event == VoiceChanged(VoiceStatusChange("idle"))
    await host.stop()
    again = Host(tmp_path / "data", card)
    status = await again.system.ask("voice", GetVoiceStatus())
    assert status.settings == VoiceSettings(echo_cancel=False, wake_word_enabled=True, language="de")
    assert status.wake_word_enabled
    await again.stop()


async def test_settings_set_at_the_same_time_are_all_kept(host: Host) -> None:
    changes = (
        PutVoiceSettings(push_to_talk=True),
        PutVoiceSettings(language="fr"),
        PutVoiceSettings(echo_cancel=False),
    )
    await asyncio.gather(*(host.system.ask("voice", change) for change in changes))
    status = await host.system.ask("voice", GetVoiceStatus())
    assert status.settings == VoiceSettings(push_to_talk=True, language="fr", echo_cancel=False)


async def test_the_status_is_answered_while_the_microphone_is_tested(host: Host, card: Card) -> None:
    testing = host.system.ask("voice", TestMic())
    assert (await host.system.ask("voice", GetVoiceStatus())).state == "idle"
    assert not testing.done()
    card.heard.set()
    assert await testing == MicTest(True, 0.6, UNSET)


async def test_whoever_wants_to_talk_is_told_that_voice_is_switched_off(host: Host) -> None:
    for wish in (PushToTalk(True), SetTalkMode(True), Say("hello"), HearWords(5.0)):
        with pytest.raises(Conflict, match="switched off"):
            await host.system.ask("voice", wish)
    await host.system.ask("voice", InterruptVoice())


async def test_the_devices_that_could_be_chosen_are_listed(host: Host) -> None:
    (found,) = await host.system.ask("voice", ListSoundDevices())
    assert found.name == "USB speakerphone"


async def test_a_failed_test_is_an_answer(host: Host) -> None:
    assert await host.system.ask("voice", TestSpeaker()) == SpeakerTest(False, "there is no speaker")
