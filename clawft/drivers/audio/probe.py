"""One look at the sound card, in a process of its own: ``python -m clawft.drivers.audio.probe mic``.

The verbs are ``check``, ``mic``, ``speaker`` and ``devices``; each prints one line of JSON. It is for the
time in which voice is switched off, and needs no package but sounddevice and numpy. PortAudio is kept out of
the host's process: with a broken ALSA configuration ``import sounddevice`` aborts the process (SIGABRT), with
a frozen sound server closing a stream hangs for ever, and its list of devices never changes once loaded.
"""

import sys
import time
from typing import Any

import msgspec

from clawft.domain.voice_wire import Devices, MicMeasured, Said, SpeakerMeasured
from clawft.drivers.audio.finding import BROKEN_HINT, Finding
from clawft.drivers.audio.streams import NoDevice, Streams, devices_of, find_device, portaudio
from clawft.drivers.audio.trying import Trying

NAP = 0.02
LIMIT = 2.0
"""Seconds the sound of a test may take to come."""


class Open:
    """Streams with one test under way."""

    def __init__(self, streams: Streams, *, of_speaker: bool) -> None:
        self.streams = streams
        self.found: Said | None = None
        self.trying: Trying | None = Trying(self, of_speaker, self._say)

    def _say(self, found: Said) -> None:
        self.found = found

    def wait(self) -> Said:
        """Raises ``NoDevice`` when no sound comes."""
        until = time.monotonic() + LIMIT
        while self.found is None:
            if time.monotonic() > until:
                raise NoDevice("no sound came from the microphone in time", "restart the sound server")
            time.sleep(NAP)
            samples = self.streams.near.take()
            if self.trying is not None and len(samples):
                self.trying.take(samples)
        return self.found


def check(sound: Any) -> Finding:
    """Whether there is a microphone and a speaker that can be opened as we would open them."""
    for kind, settings in (("input", sound.check_input_settings), ("output", sound.check_output_settings)):
        find_device(sound, kind, "")
        settings(channels=1, dtype="float32", samplerate=sound.query_devices(kind=kind)["default_samplerate"])
    return Finding()


def mic(sound: Any) -> Finding:
    found = _tried(sound, of_speaker=False)
    assert isinstance(found, MicMeasured)
    return Finding(found.error, "is it muted?" if found.error else "", mic=found)


def speaker(sound: Any) -> Finding:
    found = _tried(sound, of_speaker=True)
    assert isinstance(found, SpeakerMeasured)
    return Finding(found.error, speaker=found)


def devices(sound: Any) -> Finding:
    found: Devices = devices_of(sound)
    return Finding(found.error, devices=found.devices)


def _tried(sound: Any, *, of_speaker: bool) -> Said:
    streams = Streams(sound)
    try:
        return Open(streams, of_speaker=of_speaker).wait()
    finally:
        if not streams.is_frozen:
            streams.close()


def look(verb: str) -> Finding:
    """What ``verb`` found."""
    try:
        sound = portaudio()
    except NoDevice as missing:
        return Finding(missing.reason, missing.hint)
    except Exception as error:  # PortAudioError, which has no name before the import is done
        return Finding(f"PortAudio does not start: {error.args[0]}", BROKEN_HINT)
    try:
        return {"check": check, "mic": mic, "speaker": speaker, "devices": devices}[verb](sound)
    except NoDevice as missing:
        return Finding(missing.reason, missing.hint)
    except sound.PortAudioError as error:
        return Finding(f"PortAudio says: {error.args[0]}", "is the device in use by another program?")


def main() -> None:
    sys.stdout.write(msgspec.json.encode(look(sys.argv[1])).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
