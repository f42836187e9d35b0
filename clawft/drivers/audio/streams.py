"""The two streams of a sound card, open: what comes from the microphone, what goes to the speaker.

Two streams and never one duplex stream: on ALSA's pulse plugin that one clicks, or dies without a word. A
device that goes away raises nothing in PortAudio, so it has to be looked for: see ``why_lost``.
"""

import math
import threading
import time
from typing import Any

from clawft.domain.voice_wire import DeviceName, Devices
from clawft.drivers.audio.rings import PlayRing, Ring

RATE = 48_000
"""Samples a second that are asked for; a card that refuses is opened at its own rate."""
BLOCK = 0.01
"""Seconds between two callbacks."""
LATENCY = 0.05
"""Seconds of buffer. Measured: no sample is lost with four busy processes on two cores."""
SILENT_FOR = 0.7
"""Seconds without a callback after which the driver is frozen."""
PLAY_AHEAD = 6
"""Seconds of sound that may wait to be played."""

NOT_INSTALLED = ("PortAudio is not installed", "install it, on Debian with `apt-get install libportaudio2`")
NO_DEVICE_HINT = "plug one in, or start a sound server such as PulseAudio or PipeWire for this user"


class NoDevice(Exception):
    """There is none like that: the reason, and what to do."""

    def __init__(self, reason: str, hint: str = NO_DEVICE_HINT) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def portaudio() -> Any:
    """The module ``sounddevice``; importing it starts PortAudio. Raises ``NoDevice``."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: it finds no libportaudio
        raise NoDevice(*NOT_INSTALLED) from error
    return sounddevice


def look_again(sound: Any) -> None:
    """PortAudio's list of devices never changes while it is loaded: load it anew (10 ms)."""
    sound._terminate()
    sound._initialize()


def find_device(sound: Any, kind: str, wanted: str) -> int | None:
    """The number of the device whose name has ``wanted`` in it; None: the default. Raises ``NoDevice``."""
    noun = {"input": "microphone", "output": "speaker"}[kind]
    try:
        devices = list(sound.query_devices())
        if not wanted:
            sound.query_devices(kind=kind)
            return None
    except (sound.PortAudioError, ValueError) as error:
        raise NoDevice(f"there is no {noun}") from error
    fitting = [
        number
        for number, device in enumerate(devices)
        if device[f"max_{kind}_channels"] and wanted.lower() in device["name"].lower()
    ]
    if not fitting:
        names = ", ".join(d["name"] for d in devices if d[f"max_{kind}_channels"]) or "none"
        raise NoDevice(f"there is no {noun} named {wanted!r}", f"there are: {names}")
    return fitting[0]


def devices_of(sound: Any) -> Devices:
    """All of them, by the names that can be chosen."""
    default = tuple(sound.default.device)
    return Devices(
        tuple(
            DeviceName(
                name=device["name"],
                inputs=device["max_input_channels"],
                outputs=device["max_output_channels"],
                rate=int(device["default_samplerate"]),
                default_input=number == default[0],
                default_output=number == default[1],
            )
            for number, device in enumerate(sound.query_devices())
        )
    )


class Streams:
    """Open from the start on. Callbacks copy into rings and do nothing else."""

    def __init__(self, sound: Any, *, microphone: str = "", speaker: str = "") -> None:
        """Raises ``NoDevice``."""
        self._sound = sound
        self.overruns = 0
        self.ended = threading.Event()
        """A stream has ended by itself."""
        found = find_device(sound, "input", microphone), find_device(sound, "output", speaker)
        self.rate = self._rate(*found)
        self.near, self.far = Ring(2 * self.rate), Ring(2 * self.rate)
        self.play = PlayRing(PLAY_AHEAD * self.rate, self.rate)
        self.heard_at = self.played_at = time.monotonic()
        self.microphone, self.speaker = (
            str(sound.query_devices(number, kind)["name"])
            for number, kind in zip(found, ("input", "output"), strict=True)
        )
        self._open(*found)

    def _rate(self, microphone: int | None, speaker: int | None) -> int:
        sound = self._sound
        try:
            sound.check_input_settings(microphone, channels=1, dtype="float32", samplerate=RATE)
            sound.check_output_settings(speaker, channels=1, dtype="float32", samplerate=RATE)
        except sound.PortAudioError:
            return int(sound.query_devices(microphone, "input")["default_samplerate"])
        return RATE

    def _open(self, microphone: int | None, speaker: int | None) -> None:
        sound, block = self._sound, math.ceil(self.rate * BLOCK)
        common = {"samplerate": self.rate, "channels": 1, "dtype": "float32", "blocksize": block}
        common |= {"latency": LATENCY, "finished_callback": self.ended.set}
        try:
            self._output = sound.OutputStream(device=speaker, callback=self._plays, **common)
            self._input = sound.InputStream(device=microphone, callback=self._hears, **common)
            self._output.start()
            self._input.start()
        except sound.PortAudioError as error:
            self.close()
            reason = f"the sound card cannot be opened: {error.args[0]}"
            raise NoDevice(
                reason, "is it in use by another program, or not permitted to this user?"
            ) from error

    def _hears(self, data: Any, frames: int, moment: Any, status: Any) -> None:
        if status:
            self.overruns += 1
        self.near.put(data[:, 0])
        self.heard_at = time.monotonic()

    def _plays(self, out: Any, frames: int, moment: Any, status: Any) -> None:
        if status:
            self.overruns += 1
        block = out[:, 0]
        self.play.fill(block)
        self.far.put(block)
        self.played_at = time.monotonic()

    def why_lost(self) -> str:
        """Why this device is of no use any more; empty: it is."""
        if self.ended.is_set():
            return "the sound card is gone"
        if self.is_frozen:
            return "the sound system does not answer any more"
        return ""

    @property
    def is_frozen(self) -> bool:
        """Closing such a stream would hang for ever: only the end of the process helps."""
        return time.monotonic() - min(self.heard_at, self.played_at) > SILENT_FOR

    def close(self) -> None:
        for stream in (getattr(self, "_input", None), getattr(self, "_output", None)):
            if stream is not None:
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)
