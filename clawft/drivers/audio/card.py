"""The sound card as the host sees it: asked through a child process, with a time limit."""

import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from clawft.domain.values import UNSET
from clawft.domain.voice import Availability, MicTest, SoundDevice, SpeakerTest
from clawft.domain.voice_wire import DeviceName, MicMeasured, SpeakerMeasured
from clawft.drivers.audio.finding import BROKEN_HINT, Finding
from clawft.errors import Unavailable

LIMIT = 2.5
"""Seconds a look at the card may take. The contract allows three for the whole request."""
PROBE = (sys.executable, "-P", "-m", "clawft.drivers.audio.probe")
"""``-P``: a ``json.py`` in the folder the host was started from is not what is imported."""


class SoundCard:
    """The default microphone and speaker. Every call takes a fresh look, so a device that comes is found."""

    async def check(self) -> Availability:
        found = await self._look("check")
        if not found.error:
            return Availability(available=True)
        return Availability(available=False, reason=found.error, hint=found.hint or UNSET)

    async def test_mic(self) -> MicTest:
        found = await self._look("mic")
        return mic_test(found.mic or MicMeasured(error=found.error))

    async def test_speaker(self) -> SpeakerTest:
        found = await self._look("speaker")
        return speaker_test(found.speaker or SpeakerMeasured(error=found.error))

    async def devices(self) -> tuple[SoundDevice, ...]:
        found = await self._look("devices")
        if found.error:
            raise Unavailable(found.error)
        return sound_devices(found.devices)

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


def mic_test(found: MicMeasured) -> MicTest:
    if found.error:
        return MicTest(success=False, level=0.0, error=found.error, device=found.device or UNSET)
    return MicTest(
        success=True,
        level=found.level,
        peak=found.peak,
        rms_db=found.rms_db,
        clipped=found.clipped,
        device=found.device,
        rate=found.rate,
    )


def speaker_test(found: SpeakerMeasured) -> SpeakerTest:
    if found.error:
        return SpeakerTest(success=False, error=found.error)
    return SpeakerTest(
        success=True,
        heard=UNSET if found.heard is None else found.heard,
        delay_ms=found.delay_ms if found.heard else UNSET,
        coupling_db=found.coupling_db if found.heard else UNSET,
        device=found.device,
    )


def sound_devices(found: tuple[DeviceName, ...]) -> tuple[SoundDevice, ...]:
    return tuple(
        SoundDevice(each.name, each.inputs, each.outputs, each.rate, each.default_input, each.default_output)
        for each in found
    )


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
