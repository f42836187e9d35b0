"""Speech for tests of engines: a person that speaks, and the engines a server on loopback works with."""

import asyncio
import io
import shutil
import subprocess
import threading
import wave
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from clawft.drivers.audio.engines import RATE

SENTENCE = "go forward ten meters"
"""Which pocketsphinx understands without a mistake when flite's ``rms`` says it."""

needs_voices = pytest.mark.skipif(
    not (shutil.which("flite") and shutil.which("espeak-ng")), reason="needs flite and espeak-ng"
)


def said(text: str) -> bytes:
    """A person who says ``text``, at ``RATE``."""
    command = ["flite", "-voice", "rms", "-t", text, "-o", "/dev/stdout"]
    sound = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1)
        return bytes(file.readframes(file.getnframes()))


def pieces(pcm: bytes) -> Iterator[bytes]:
    """As a microphone gives it: 100 ms at a time."""
    for at in range(0, len(pcm), RATE // 5):
        yield pcm[at : at + RATE // 5]


def heard(pcm: bytes) -> str:
    """The words that pocketsphinx hears in it."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return str(found.hypstr) if found else ""


def spoken(text: str, language: str = "en") -> bytes:
    """A WAV of espeak-ng's: 22 050 samples a second, and a length in its header that is not true."""
    command = ["espeak-ng", "-v", language, "--stdout", "--", text]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout


def loudness(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)))


class Beside:
    """An event loop on a thread of its own: the engines under test block theirs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextmanager
def beside() -> Iterator[Beside]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Beside(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
