"""Voice: the state and the settings of the device people speak to."""

from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

VoiceState = Literal["idle", "listening", "processing", "speaking"]
Language = Literal["en", "es", "fr", "de", "ja", "zh", "ko"]


class VoiceSettings(Value, frozen=True, rename="camel"):
    """What the user set."""

    enabled: bool = False
    wake_word_enabled: bool = False
    language: Language = "en"
    echo_cancel: bool = True
    noise_suppression: bool = True
    push_to_talk: bool = False


class Availability(Value, frozen=True):
    """Whether there is a device to speak to, and if not, why and what to do."""

    available: bool
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class VoiceStatus(Value, frozen=True, rename="camel"):
    """The device as it is now. ``reason`` and ``hint`` say why it is not ``available`` and what to do."""

    state: VoiceState
    talk_mode_active: bool
    wake_word_enabled: bool
    settings: VoiceSettings
    available: bool
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class VoiceStatusChange(Value, frozen=True, rename="camel"):
    """The frame of ``voice:status``."""

    state: VoiceState
    transcript: str = ""
    response: str = ""
    talk_mode_active: bool = False


class MicTest(Value, frozen=True):
    """What the microphone gave: ``level`` in 0..1, or why it gave nothing."""

    success: bool
    level: float
    error: str | UnsetType = UNSET


class SpeakerTest(Value, frozen=True):
    """Whether the tone was played, or why not."""

    success: bool
    error: str | UnsetType = UNSET
