"""Text to speech with eSpeak NG, as a program of its own: it is GPL, and a crash of it is not ours."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator

from clawft.drivers.audio.engines import EngineFailed, Sound

VOICES = {"en": "en-us", "es": "es", "fr": "fr-fr", "de": "de", "ko": "ko"}
"""Japanese is left out: it reads kanji as "Chinese letter". Chinese needs a dictionary Debian 12 has not."""
_HEADER = 44
"""Bytes of a WAV file before its samples."""
_PIECE = 8192


class Espeak:
    """The first sound comes within 40 ms, whatever the length."""

    name = "espeak-ng"
    languages = tuple(VOICES)

    def __init__(self, voice: str = "") -> None:
        self._voice = voice

    def speak(self, text: str, language: str) -> Iterator[Sound]:
        process = self._start(self._voice or self._voice_for(language))
        try:
            yield from _read(process, text)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe and pipe.close()

    def _voice_for(self, language: str) -> str:
        if language not in VOICES:
            known = ", ".join(VOICES)
            raise EngineFailed(f"eSpeak NG speaks {language!r} too badly to be used; it is good for {known}")
        return VOICES[language]

    def _start(self, voice: str) -> "subprocess.Popen[bytes]":
        program = shutil.which("espeak-ng")
        if program is None:
            raise EngineFailed("eSpeak NG is not installed; on Debian: apt-get install espeak-ng")
        return subprocess.Popen(  # noqa: S603 - the text goes in through its standard input
            [program, "-v", voice, "--stdout", "--stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def _read(process: "subprocess.Popen[bytes]", text: str) -> Iterator[Sound]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text.encode("utf-8", "replace"))
    process.stdin.close()
    header = process.stdout.read(_HEADER)
    if len(header) < _HEADER:
        if process.wait() != 0:
            raise EngineFailed(f"eSpeak NG ended with {process.returncode} and said nothing")
        return
    rate = int.from_bytes(header[24:28], "little")
    while piece := process.stdout.read(_PIECE):
        yield Sound(rate, piece)
