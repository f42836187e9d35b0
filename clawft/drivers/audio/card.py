"""The sound card as the host sees it: asked through a child process, with a time limit."""

import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from clawft.domain.values import UNSET
from clawft.domain.voice import Availability, MicTest, SpeakerTest
from clawft.drivers.audio.probe import BROKEN_HINT

LIMIT = 2.5
"""Seconds a look at the card may take. The contract allows three for the whole request."""
PROBE = (sys.executable, "-P", "-m", "clawft.drivers.audio.probe")
"""``-P``: a ``json.py`` in the folder the host was started from is not what is imported."""


class Finding(msgspec.Struct, frozen=True):
    """What the child process found; ``error`` is empty when all went well."""

    error: str = ""
    hint: str = ""
    level: float = 0.0


class SoundCard:
    """The default microphone and speaker. Every call takes a fresh look, so a device that comes is found."""

    async def check(self) -> Availability:
        found = await self._look("check")
        if not found.error:
            return Availability(available=True)
        return Availability(available=False, reason=found.error, hint=found.hint or UNSET)

    async def test_mic(self) -> MicTest:
        found = await self._look("mic")
        if not found.error:
            return MicTest(success=True, level=found.level)
        return MicTest(success=False, level=0.0, error=found.error)

    async def test_speaker(self) -> SpeakerTest:
        found = await self._look("speaker")
        return SpeakerTest(success=not found.error, error=found.error or UNSET)

    async def _look(self, verb: str) -> Finding:
        try:
            return await self._run(verb)
        except OSError as error:
            return Finding(f"the process that looks at the sound card cannot be started: {error.strerror}")

    async def _run(self, verb: str) -> Finding:
        child = await asyncio.create_subprocess_exec(
            *PROBE,
            verb,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # ALSA's own complaints, with paths in them
            start_new_session=True,
        )
        try:
            output, _ = await asyncio.wait_for(child.communicate(), LIMIT)
        except TimeoutError:
            return Finding(
                f"the sound system did not answer within {LIMIT} seconds", "restart the sound server"
            )
        finally:
            await _end(child)
        return _read(output, child.returncode or 0)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Leave no process behind, not even one that a frozen sound server holds."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _read(output: bytes, code: int) -> Finding:
    if code < 0:
        name = signal.Signals(-code).name
        return Finding(f"PortAudio crashed the process that looked at it ({name})", BROKEN_HINT)
    try:
        return msgspec.json.decode(output, type=Finding)
    except msgspec.DecodeError:
        return Finding("looking at the sound card failed", f"run `{' '.join(PROBE)} check` to see why")
