"""Voice: the state and the settings of the device people speak to."""

from typing import Literal

from clawft.domain.values import UNSET, Success, UnsetType, Value

VoiceState = Literal["idle", "listening", "processing", "speaking"]
Language = Literal["en", "es", "fr", "de", "ja", "zh", "ko"]


class VoiceSettings(Value, frozen=True, rename="camel"):
    """What the user set. The first six are the reference's; the others are left out until they are set."""

    enabled: bool = False
    wake_word_enabled: bool = False
    language: Language = "en"
    echo_cancel: bool = True
    noise_suppression: bool = True
    push_to_talk: bool = False
    microphone: str | UnsetType = UNSET
    """Part of its name; left out: the system's default."""
    speaker: str | UnsetType = UNSET
    wake_word: str | UnsetType = UNSET
    """The phrase; left out: ``hey jarvis``."""
    cues: bool | UnsetType = UNSET
    """Whether short sounds say that it listens, or did not understand; left out: they do."""


class Availability(Value, frozen=True):
    """Whether there is a device to speak to, and if not, why and what to do."""

    available: bool
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class VoiceDevice(Value, frozen=True, rename="camel"):
    """The streams that are open, and what was lost on them."""

    microphone: str
    speaker: str
    rate: int
    overruns: int = 0
    """Times the sound system said that samples were lost."""
    filled_ms: float = 0.0
    """Gaps that were filled with silence."""
    dropped_ms: float = 0.0
    """Sound that came and could not be kept."""
    restarts: int = 0
    """Of the two child processes."""
    cpu_seconds: float = 0.0
    """Of the process at the sound card."""


class VoiceEngines(Value, frozen=True):
    """Who hears and who speaks."""

    stt: str
    tts: str


class VoiceStatus(Value, frozen=True, rename="camel"):
    """The device as it is now. ``reason`` and ``hint`` say why it is not ``available`` and what to do."""

    state: VoiceState
    talk_mode_active: bool
    wake_word_enabled: bool
    settings: VoiceSettings
    available: bool
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET
    device: VoiceDevice | UnsetType = UNSET
    """Left out while no stream is open."""
    engines: VoiceEngines | UnsetType = UNSET
    """Left out until they have started."""


class VoiceStatusChange(Value, frozen=True, rename="camel"):
    """The frame of ``voice:status``."""

    state: VoiceState
    transcript: str = ""
    response: str = ""
    talk_mode_active: bool = False


class VoiceStateChange(Value, frozen=True, rename="camel"):
    """The payload of ``voice:state``."""

    state: VoiceState
    talk_mode_active: bool = False


class VoiceLevel(Value, frozen=True):
    """The payload of ``voice:level``: the loudest of the last 100 ms, 0 at -60 dBFS and 1 at 0."""

    level: float


class Transcript(Value, frozen=True):
    """The payload of ``voice:transcript``: words, so far or finally, and what became of them."""

    text: str
    final: bool
    taken: bool = True
    """False: said aside, and no message."""


class Wake(Value, frozen=True):
    """The payload of ``voice:wake``."""

    phrase: str
    taken: bool = True
    """False: while the host thinks; no second turn begins."""


class BargeIn(Value, frozen=True):
    """The payload of ``voice:barge_in``: the answer was faded out after ``played`` seconds."""

    played: float
    false_alarm: bool = False
    """Nobody had said anything: it goes on."""


class DeviceNews(Value, frozen=True):
    """The payload of ``voice:device``."""

    available: bool
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class VoiceTrouble(Value, frozen=True):
    """The payload of ``voice:error``: what was lost, in a sentence."""

    message: str


VoiceNews = VoiceStateChange | VoiceLevel | Transcript | Wake | BargeIn | DeviceNews | VoiceTrouble


class MicTest(Value, frozen=True, rename="camel"):
    """What the microphone gave in a second, or why it gave nothing.

    ``level`` is 0..1: the 95th percentile of the loudness of 20 ms frames, from -60 dBFS to 0.
    """

    success: bool
    level: float
    error: str | UnsetType = UNSET
    peak: float | UnsetType = UNSET
    """The largest sample, 0..1."""
    rms_db: float | UnsetType = UNSET
    """The same loudness in dBFS."""
    clipped: bool | UnsetType = UNSET
    device: str | UnsetType = UNSET
    rate: int | UnsetType = UNSET


class SpeakerTest(Value, frozen=True, rename="camel"):
    """Whether a sweep was played, and whether the microphone heard it."""

    success: bool
    error: str | UnsetType = UNSET
    heard: bool | UnsetType = UNSET
    """Left out where there is no microphone to hear it with."""
    delay_ms: float | UnsetType = UNSET
    """From the speaker to the microphone, through both buffers."""
    coupling_db: float | UnsetType = UNSET
    """How loud the speaker is at the microphone."""
    device: str | UnsetType = UNSET


class SoundDevice(Value, frozen=True, rename="camel"):
    """A device that could be chosen."""

    name: str
    inputs: int
    """Channels."""
    outputs: int
    rate: int
    default_input: bool = False
    default_output: bool = False


class SpeechFormat(Value, frozen=True, rename="camel"):
    """What ``POST /api/voice/tts`` speaks with, and can speak."""

    provider: str
    voice: str
    format: str = "wav"
    languages: tuple[str, ...] = ()
    max_characters: int = 5000


class Recording(Value, frozen=True):
    """Sound: 16-bit mono."""

    rate: int
    pcm: bytes


class VoiceSaved(Success, frozen=True):
    """The answer to new settings: kept, and in effect."""

    notes: tuple[str, ...] | UnsetType = UNSET
    """What the engines cannot do of what was chosen."""


class Heard(Value, frozen=True):
    """What was said when the host was asked to listen; ``text`` is empty when nothing was."""

    text: str
