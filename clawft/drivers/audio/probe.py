"""One look at the sound card, in a process of its own: ``python -m clawft.drivers.audio.probe mic``.

The verbs are ``check``, ``mic`` and ``speaker``; each prints one line of JSON. PortAudio is kept out of the
host's process: with a broken ALSA configuration ``import sounddevice`` aborts the process (SIGABRT), with a
frozen sound server closing a stream hangs for ever, and its list of devices never changes once it is loaded.
"""

import json
import math
import sys
from array import array
from typing import Any

SECONDS = 1.0
"""How long the microphone is listened to."""
TONE_SECONDS, TONE_HZ, TONE_PEAK, FADE_SECONDS = 0.5, 440.0, 0.2, 0.02

NOT_INSTALLED = {
    "error": "PortAudio is not installed",
    "hint": "install it, on Debian with `apt-get install libportaudio2`",
}
NO_DEVICE = {
    "error": "there is no {kind}",
    "hint": "plug one in, or start a sound server such as PulseAudio or PipeWire for this user",
}

BROKEN_HINT = "the ALSA configuration is probably broken: look at ~/.asoundrc and /etc/asound.conf"


def check(sound: Any) -> dict[str, Any]:
    """Whether there is a microphone and a speaker that can be opened as we would open them."""
    for kind, settings in (("input", sound.check_input_settings), ("output", sound.check_output_settings)):
        device = _device(sound, kind)
        settings(channels=1, dtype="float32", samplerate=device["default_samplerate"])
    return {}


def mic(sound: Any) -> dict[str, Any]:
    """Listen for a second; ``level`` is the peak."""
    rate = int(_device(sound, "input")["default_samplerate"])
    with sound.RawInputStream(samplerate=rate, channels=1, dtype="float32") as stream:
        data, _ = stream.read(int(rate * SECONDS))
    level = max(map(abs, array("f", bytes(data))), default=0.0)
    if level == 0.0:
        # A real microphone is never without any noise.
        return {"error": "the microphone gives nothing but digital silence", "hint": "is it muted?"}
    return {"level": min(level, 1.0)}


def speaker(sound: Any) -> dict[str, Any]:
    """Play a short tone to its end."""
    rate = int(_device(sound, "output")["default_samplerate"])
    with sound.RawOutputStream(samplerate=rate, channels=1, dtype="float32") as stream:
        stream.write(tone(rate).tobytes())
    return {}


def tone(rate: int) -> "array[float]":
    """A quiet sine with soft ends, so that nothing clicks."""
    count = int(rate * TONE_SECONDS)
    fade = rate * FADE_SECONDS
    return array(
        "f",
        (
            TONE_PEAK * min(1.0, at / fade, (count - at) / fade) * math.sin(2 * math.pi * TONE_HZ * at / rate)
            for at in range(count)
        ),
    )


class NoDevice(Exception):
    """There is no default device of this kind."""


def _device(sound: Any, kind: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = sound.query_devices(kind=kind)
    except (sound.PortAudioError, ValueError) as error:
        raise NoDevice({"input": "microphone", "output": "speaker"}[kind]) from error
    return found


def look(verb: str) -> dict[str, Any]:
    """What ``verb`` found; with a member ``error`` where it could not."""
    try:
        import sounddevice as sound
    except (ImportError, OSError):  # sounddevice raises OSError when it finds no libportaudio
        return NOT_INSTALLED
    except Exception as error:  # PortAudioError, which has no name before the import is done
        return {"error": f"PortAudio does not start: {error.args[0]}", "hint": BROKEN_HINT}
    try:
        return {"check": check, "mic": mic, "speaker": speaker}[verb](sound)
    except NoDevice as missing:
        return {"error": NO_DEVICE["error"].format(kind=missing), "hint": NO_DEVICE["hint"]}
    except sound.PortAudioError as error:
        return {
            "error": f"PortAudio says: {error.args[0]}",
            "hint": "is the device in use by another program?",
        }


def main() -> None:
    print(json.dumps(look(sys.argv[1])), flush=True)  # noqa: T201 - this line is the answer


if __name__ == "__main__":
    main()
