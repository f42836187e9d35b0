"""What the host and its two children of voice say to each other, over pipes.

``ToIo`` and ``FromIo`` are the device's, ``ToSpeech`` and ``FromSpeech`` those of recognition and synthesis.
Utterances and answers are counted by the host's side of the talk; sound is 16-bit mono.
"""

import msgspec

from clawft.domain.turn_taking import WhyEnded


class Said(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One message."""


# -- host to voice-io


class SetDevice(Said, frozen=True):
    """How it is set. ``open``: the streams are; closed, the microphone is free for others."""

    open: bool
    microphone: str = ""
    """Part of a name; empty: the system's default."""
    speaker: str = ""
    wake_phrase: str = ""
    """Empty: nobody is waited for."""
    wake_folder: str = ""
    """Where trained phrases are."""
    echo_cancel: bool = True
    noise_suppression: bool = True
    button: bool = False
    """Only the button begins and ends an utterance."""
    cues: bool = True


class Listen(Said, frozen=True):
    """Wait for an utterance. ``patience`` seconds for its first word; 0: for ever."""

    patience: float = 8.0


class Wait(Said, frozen=True):
    """The host thinks: what is said now is said aside."""


class Rest(Said, frozen=True):
    """Only the wake word is minded."""


class Press(Said, frozen=True):
    """The button to talk was pressed, or let go."""

    down: bool


class Play(Said, frozen=True):
    """The next sound of an answer."""

    answer: int
    rate: int
    pcm: bytes


class PlayedOut(Said, frozen=True):
    """No more of this answer comes: tell when the last of it was played."""

    answer: int


class Resume(Said, frozen=True):
    """It was nobody: go on with the answer that was faded out."""


class Hush(Said, frozen=True):
    """Fade out, and play no more of answers up to this one."""

    answer: int


class Cue(Said, frozen=True):
    """A short sound: ``wake``, ``done``, ``sorry``."""

    kind: str


class MeasureMic(Said, frozen=True):
    pass


class MeasureSpeaker(Said, frozen=True):
    pass


class ListDevices(Said, frozen=True):
    pass


class Quit(Said, frozen=True):
    pass


# -- voice-io to host


class Alive(Said, frozen=True):
    """Twice a second: it lives, and what it has lost and used so far."""

    dropped_ms: float = 0.0
    """Sound that came and could not be kept."""
    filled_ms: float = 0.0
    """Gaps that were filled with silence."""
    overruns: int = 0
    """Times PortAudio said that samples were lost."""
    cpu: float = 0.0
    """Seconds of processor so far."""
    lag_ms: float = 0.0
    """Worst wait of a sound for the processing, since the last time."""


class DeviceOpened(Said, frozen=True):
    microphone: str
    speaker: str
    rate: int


class DeviceClosed(Said, frozen=True):
    """The streams are closed, as asked."""


class DeviceLost(Said, frozen=True):
    """There is no device, or no longer. It is looked for again each second."""

    reason: str
    hint: str = ""


class Trouble(Said, frozen=True):
    """Something that was asked for cannot be done, in a sentence."""

    message: str


class Level(Said, frozen=True):
    level: float
    """0..1: the loudest of the last 100 ms, in dBFS from -60 to 0."""


class Woke(Said, frozen=True):
    phrase: str
    taken: bool
    """Whether it now listens; not while the host thinks."""


class Speaking(Said, frozen=True):
    """An utterance has begun."""

    utterance: int
    aside: bool
    interrupting: bool
    answer: int = 0
    """That is interrupted, and has been faded out..."""
    played: float = 0.0
    """...after so many seconds."""


class Heard(Said, frozen=True):
    """A piece of an utterance, 16 kHz."""

    utterance: int
    pcm: bytes


class SpeakingEnded(Said, frozen=True):
    utterance: int
    why: WhyEnded


class PlayBegan(Said, frozen=True):
    """The first sample of an answer is at the speaker."""

    answer: int


class Playing(Said, frozen=True):
    """How much of an answer has been played."""

    answer: int
    seconds: float


class Played(Said, frozen=True):
    """An answer was played to its end."""

    answer: int
    seconds: float


class MicMeasured(Said, frozen=True):
    level: float = 0.0
    peak: float = 0.0
    rms_db: float = -120.0
    clipped: bool = False
    device: str = ""
    rate: int = 0
    error: str = ""


class SpeakerMeasured(Said, frozen=True):
    error: str = ""
    heard: bool | None = None
    """None: there is no microphone to hear it with."""
    delay_ms: float = 0.0
    coupling_db: float = 0.0
    device: str = ""


class DeviceName(msgspec.Struct, frozen=True):
    name: str
    inputs: int
    outputs: int
    rate: int
    default_input: bool = False
    default_output: bool = False


class Devices(Said, frozen=True):
    devices: tuple[DeviceName, ...] = ()
    error: str = ""


# -- host to voice-speech


class SetSpeech(Said, frozen=True):
    """Which engines, and what they need."""

    stt: str
    tts: str
    stt_address: str = ""
    stt_key: str = ""
    stt_model: str = ""
    tts_address: str = ""
    tts_key: str = ""
    tts_model: str = ""
    tts_voice: str = ""

    def __repr__(self) -> str:
        return f"SetSpeech({self.stt!r}, {self.tts!r})"  # the keys are nobody's business


class Recognise(Said, frozen=True):
    """An utterance begins; ``Heard`` follows."""

    utterance: int
    language: str


class Recognised(Said, frozen=True):
    """It is over: its words are wanted. ``wanted`` False: forget it."""

    utterance: int
    wanted: bool = True


class Speak(Said, frozen=True):
    """The next sentence of an answer."""

    answer: int
    part: int
    text: str
    language: str


class SpokenOut(Said, frozen=True):
    """No more sentences of this answer come."""

    answer: int


class StopSpeaking(Said, frozen=True):
    """What is still to be said of answers up to this one is not to be said."""

    answer: int


class Credit(Said, frozen=True):
    """So much of an answer was played: synthesis runs a few seconds ahead and no more."""

    answer: int
    seconds: float


class Synthesise(Said, frozen=True):
    """Make a recording of a text; not for the speaker."""

    id: int
    text: str
    language: str


class Transcribe(Said, frozen=True):
    """The words of a recording, 16 kHz."""

    id: int
    pcm: bytes
    language: str


# -- voice-speech to host


class EnginesReady(Said, frozen=True):
    stt: str
    tts: str
    stt_languages: tuple[str, ...] = ()
    """Empty: it does not say."""
    tts_languages: tuple[str, ...] = ()
    error: str = ""


class Words(Said, frozen=True):
    """The words of an utterance, so far or finally."""

    utterance: int
    text: str
    final: bool
    error: str = ""


class Spoken(Said, frozen=True):
    """Sound of an answer."""

    answer: int
    rate: int
    pcm: bytes


class PartSpoken(Said, frozen=True):
    """A sentence is synthesised; it takes so many seconds."""

    answer: int
    part: int
    seconds: float
    error: str = ""


class AllSpoken(Said, frozen=True):
    """Every sentence of an answer is synthesised."""

    answer: int


class Synthesised(Said, frozen=True):
    id: int
    rate: int = 16_000
    pcm: bytes = b""
    error: str = ""


class Transcribed(Said, frozen=True):
    id: int
    text: str = ""
    error: str = ""


ToIo = (
    SetDevice
    | Listen
    | Wait
    | Rest
    | Press
    | Play
    | PlayedOut
    | Resume
    | Hush
    | Cue
    | MeasureMic
    | MeasureSpeaker
    | ListDevices
    | Quit
)
FromIo = (
    Alive
    | DeviceOpened
    | DeviceClosed
    | DeviceLost
    | Trouble
    | Level
    | Woke
    | Speaking
    | Heard
    | SpeakingEnded
    | PlayBegan
    | Playing
    | Played
    | MicMeasured
    | SpeakerMeasured
    | Devices
)
ToSpeech = (
    SetSpeech
    | Recognise
    | Heard
    | Recognised
    | Speak
    | SpokenOut
    | StopSpeaking
    | Credit
    | Synthesise
    | Transcribe
    | Quit
)
FromSpeech = Alive | EnginesReady | Words | Spoken | PartSpoken | AllSpoken | Synthesised | Transcribed
