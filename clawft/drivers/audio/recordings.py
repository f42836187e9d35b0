"""Recordings: WAV files as we write them, and as others may have written them."""

import io
import wave
from typing import TYPE_CHECKING

from clawft.domain.recordings import wav_of
from clawft.drivers.audio.engines import RATE
from clawft.errors import Invalid

if TYPE_CHECKING:
    from clawft.drivers.audio.rings import Samples  # with numpy, which a start can do without

LONGEST = 600
"""Seconds of a recording that is taken."""

__all__ = ["read_wav", "wav_of"]


def read_wav(data: bytes, name: str) -> bytes:
    """Its sound at 16 kHz, 16 bit, mono. Raises ``Invalid`` for what is no WAV file."""
    import numpy as np

    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            if file.getnframes() > LONGEST * rate:
                raise Invalid(f"{name} is longer than {LONGEST // 60} minutes")
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise Invalid(f"{name} is no WAV file that can be read: {error}") from error
    samples = _floats(frames, width, name)
    if channels > 1:
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    if rate != RATE:
        import soxr

        samples = soxr.resample(samples, rate, RATE)
    return bytes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _floats(frames: bytes, width: int, name: str) -> "Samples":
    import numpy as np

    if width == 1:
        return (np.frombuffer(frames, np.uint8).astype(np.float32) - 128.0) / 128.0
    if width == 2:
        return np.frombuffer(frames[: len(frames) // 2 * 2], "<i2").astype(np.float32) / 32768.0
    if width == 4:
        return (np.frombuffer(frames[: len(frames) // 4 * 4], "<i4") / 2.0**31).astype(np.float32)
    raise Invalid(f"{name} has samples of {8 * width} bits; 8, 16 and 32 can be read")
