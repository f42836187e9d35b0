"""What can be asked of the voice device."""

from typing import Annotated, Literal

from msgspec import Meta, structs

from clawft.domain.values import UNSET, Ok, UnsetType
from clawft.domain.voice import (
    Heard,
    Language,
    MicTest,
    Recording,
    SoundDevice,
    SpeakerTest,
    SpeechFormat,
    VoiceSaved,
    VoiceSettings,
    VoiceStatus,
)
from clawft.runtime import Ask, Tell

DeviceText = Annotated[str, Meta(max_length=200)]


class GetVoiceStatus(Ask[VoiceStatus], frozen=True):
    """The device as it is now."""


class PutVoiceSettings(Ask[VoiceSaved], frozen=True, rename="camel"):
    """Change what is given, keep the rest."""

    enabled: bool | UnsetType = UNSET
    wake_word_enabled: bool | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    echo_cancel: bool | UnsetType = UNSET
    noise_suppression: bool | UnsetType = UNSET
    push_to_talk: bool | UnsetType = UNSET
    microphone: DeviceText | UnsetType = UNSET
    """Part of its name, as ``GET /api/voice/devices`` lists it; empty: the system's default."""
    speaker: DeviceText | UnsetType = UNSET
    wake_word: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    """Empty: ``hey jarvis``."""
    cues: bool | UnsetType = UNSET

    def applied_to(self, settings: VoiceSettings) -> VoiceSettings:
        """The settings with what was given."""
        given = {name: value for name, value in structs.asdict(self).items() if value is not UNSET}
        return structs.replace(settings, **given)


class TestMic(Ask[MicTest], frozen=True):
    """Listen for about a second and say how loud it was."""

    __test__ = False  # pytest collects classes by this name


class TestSpeaker(Ask[SpeakerTest], frozen=True):
    """Play a sweep, and listen for it."""

    __test__ = False


class CloseVoice(Ask[Ok], frozen=True):
    """The host shuts down: answered when the children are gone."""


class PushToTalk(Ask[Ok], frozen=True):
    """A person pressed the button to talk, or let it go."""

    down: bool


class SetTalkMode(Ask[Ok], frozen=True):
    """In talk mode it listens, answers, and listens again, without a wake word."""

    active: bool


class InterruptVoice(Ask[Ok], frozen=True):
    """End what it says, and the turn behind it. Nothing to end is no error."""


class Say(Ask[Ok], frozen=True):
    """Say this aloud, after what is being said. Answered when it was said; no message of any session."""

    text: Annotated[str, Meta(min_length=1, max_length=5000)]


class SayAloud(Tell, frozen=True):
    """Say it, if there is a device that can."""

    text: str


class HearWords(Ask[Heard], frozen=True):
    """Listen until somebody has said something. No route asks it: the tool ``voice_listen`` does."""

    seconds: float


class ListSoundDevices(Ask[tuple[SoundDevice, ...]], frozen=True):
    """The devices that could be chosen, by the names the settings take."""


class GetSpeechFormat(Ask[SpeechFormat], frozen=True):
    """Who speaks, and how."""


class MakeSpeech(Ask[Recording], frozen=True):
    """A recording of a text. ``POST /api/voice/tts`` and the tool ``audio_synthesize`` ask it."""

    text: str
    language: Language | Literal[""] = ""
    """Empty: as the settings say."""


class TranscribeSound(Ask[Heard], frozen=True):
    """The words of a recording: 16 kHz, 16 bit, mono. The tool ``audio_transcribe`` asks it."""

    pcm: bytes

    def __repr__(self) -> str:
        return f"TranscribeSound({len(self.pcm)} bytes)"
