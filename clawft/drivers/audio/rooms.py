"""Rooms: what becomes of speech on its way to a microphone, by its level, echoes and noise."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from clawft.drivers.audio.embeddings import Floats
from clawft.drivers.audio.engines import RATE

Noise = Literal["white", "pink", "fan"]
NOISES: tuple[Noise, ...] = ("white", "pink", "fan")

FLOOR = -60.0
"""dBFS of the noise in a quiet room, a microphone's own. No recording is quieter, so nothing here is."""
FAN_HUM = 118.0
"""Hz: blades passing by, of a desk fan."""
COLOURS = (100, 250, 500, 900, 1500, 2300, 3300, 5000)
"""Hz between which a colour goes over into the next; the embedding hears 60 to 3,800."""
FRAME = RATE // 50
"""Samples over which loudness is looked at, 20 ms."""


class Room(NamedTuple):
    """Where something is said."""

    level: float = -23.0
    """dBFS of the speech."""
    reverberation: float = 0.0
    """Seconds until an echo is 60 dB down; 0: none."""
    noise: Noise | None = None
    snr: float = 20.0
    """dB between speech and noise."""


def any_room(random: Generator) -> Room:
    """Half of them with echoes, two thirds with a noise that may be nearly as loud as the speech."""
    noise = NOISES[int(random.integers(3))] if random.random() < 0.67 else None
    reverberation = float(random.uniform(0.1, 0.5)) if random.random() < 0.5 else 0.0
    return Room(float(random.uniform(-35, -15)), reverberation, noise, float(random.uniform(3, 25)))


def heard(speech: Floats, room: Room, random: Generator) -> NDArray[np.int16]:
    """The speech as the room's microphone hears it; as long as it was, so echoes need silence after it."""
    sound = speech * (amplitude(room.level) / max(loudness(speech), 1e-6))
    if room.reverberation:
        sound = echoed(sound, room.reverberation, random)
    if room.noise:
        sound = sound + noise(room.noise, len(sound), random) * amplitude(room.level - room.snr)
    sound = sound + noise("white", len(sound), random) * amplitude(FLOOR)
    return np.asarray(np.clip(sound, -1, 1) * 32767, np.int16)


def faster(speech: Floats, factor: float) -> Floats:
    """Played faster, and so higher: a shorter throat."""
    import soxr

    return np.asarray(soxr.resample(speech, RATE * factor, RATE), np.float32)


def coloured(speech: Floats, decibels: float, random: Generator) -> Floats:
    """With some pitches louder and others softer, by so much on average: another mouth or microphone."""
    size = 1 << (len(speech) - 1).bit_length()
    gains = random.normal(0, decibels, len(COLOURS))
    curve = np.interp(np.fft.rfftfreq(size, 1 / RATE), COLOURS, gains)
    mixed = np.fft.irfft(np.fft.rfft(speech, size) * 10 ** (curve / 20), size)
    return np.asarray(mixed[: len(speech)], np.float32)


def amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def loudness(sound: Floats) -> float:
    """RMS of what is louder than 30 dB below its loudest 20 ms: pauses do not count."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    powers = (frames**2).mean(axis=1) if len(frames) else np.zeros(1, np.float32)
    return float(np.sqrt(powers[powers >= powers.max() * 1e-3].mean()))


def echoed(sound: Floats, seconds: float, random: Generator) -> Floats:
    """In a room of bare walls: the sound itself, and as much again that came by way of the walls."""
    count = int(seconds * RATE)
    walls = random.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    walls[: RATE * 3 // 1000] = 0  # no wall is nearer than half a metre
    walls /= np.sqrt((walls**2).sum())
    walls[0] = 1
    size = 1 << (len(sound) + count).bit_length()
    mixed = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(walls, size), size)[: len(sound)]
    return np.asarray(mixed / np.sqrt(2), np.float32)


def noise(kind: Noise, count: int, random: Generator) -> Floats:
    """Of RMS 1. Pink: 3 dB less an octave; fan: 6 dB less an octave, and a hum."""
    white = random.standard_normal(count, np.float32)
    if kind == "white":
        return white
    size = 1 << (count - 1).bit_length()  # other sizes may be primes, which take an FFT long
    spectrum = np.fft.rfft(white, size)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum /= np.sqrt(np.maximum(hertz, 20.0)) if kind == "pink" else hertz + 60
    sound = np.fft.irfft(spectrum, size)[:count].astype(np.float32)
    sound /= max(float(sound.std()), 1e-9)
    if kind == "fan":
        turns = 2 * np.pi * FAN_HUM * np.arange(count, dtype=np.float32) / RATE
        sound += sum(np.sin(turns * part) / (2 * part) for part in (1, 2, 3, 4))
    return np.asarray(sound / max(float(sound.std()), 1e-9), np.float32)
