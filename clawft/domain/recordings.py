"""Sound as a file: WAV, 16 bit, mono."""

import struct


def wav_of(rate: int, pcm: bytes) -> bytes:
    """The 44 bytes of a canonical header (RIFF, PCM), then the samples."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(pcm),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        2 * rate,
        2,
        16,
        b"data",
        len(pcm),
    )
    return head + pcm
