"""A child process of voice, kept alive: started, listened to, killed when it hangs, started again."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from clawft.domain.voice_wire import Quit, Said
from clawft.drivers.audio.wire import packed, read

log = logging.getLogger(__name__)

M = TypeVar("M")

FIRST_SIGN = 15.0
"""Seconds until the first sign of life: the libraries have to be loaded, on a small machine at its worst."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before it is started again; the longest from then on, until it has been well for ``WELL``."""
WELL = 30.0
QUIT_WITHIN = 0.2
"""Seconds to leave by itself."""


class Child(Generic[M]):
    """One of the two. ``run`` it as a task: it lives as long as that, and is killed with it."""

    def __init__(
        self,
        name: str,
        kind: object,
        *,
        patience: float,
        hear: Callable[[M], None],
        began: Callable[[], None],
        died: Callable[[str], None],
    ) -> None:
        self._name = name
        self._module = f"clawft.drivers.audio.{name}"
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._patience = patience
        self._hear, self._began, self._died = hear, began, died
        self._process: asyncio.subprocess.Process | None = None
        self._last_words: deque[str] = deque(maxlen=8)
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def send(self, message: Said) -> None:
        """To be read soon; nobody's, while the child is not there."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(packed(message))

    async def run(self) -> None:
        """Until cancelled."""
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                why = await self._live()
            except OSError as error:
                why = f"it cannot be started: {error.strerror}"
            log.warning("%s: %s; it is started again", self._name, why)
            self._died(why)
            failures = 0 if loop.time() - began > WELL else failures + 1
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1])

    async def _live(self) -> str:
        """One life; the answer is what ended it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a json.py in the folder the host was started from is not what is imported
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=1 << 20,
        )
        self._process = process
        self.starts += 1
        drain = asyncio.create_task(self._drain(process))
        try:
            self._began()
            return await self._listen(process)
        finally:
            self._process = None
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(_end(process))
            drain.cancel()

    async def _listen(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None
        patience = FIRST_SIGN
        while True:
            try:
                # wait_for may lose a cancellation that comes with a message (Python 3.11), and many come.
                async with asyncio.timeout(patience):
                    body = await read(process.stdout)
            except TimeoutError:
                return f"it gave no sign of life for {patience:.0f} s, and was killed"
            if body is None:
                return await self._last_of(process)
            patience = self._patience
            self._take(body)

    def _take(self, body: bytes) -> None:
        try:
            message = self._decoder.decode(body)
        except msgspec.MsgspecError:
            log.exception("%s said something that nobody understands", self._name)
            return
        self._hear(message)

    async def _last_of(self, process: asyncio.subprocess.Process) -> str:
        code = await process.wait()
        words = f": {' / '.join(self._last_words)}" if self._last_words else ""
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}{words}"
        return f"it ended with {code}{words}"

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        """What it writes to standard error: ALSA's complaints, and the traceback of a crash."""
        assert process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await process.stderr.readline():
                self._last_words.append(line.decode("utf-8", "replace").strip()[:200])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it leave; kill what does not, and what it has started."""
    with contextlib.suppress(OSError, RuntimeError):
        if process.stdin is not None:
            process.stdin.write(packed(Quit()))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIT_WITHIN):
            await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    # What it had still said is read by nobody, and a pipe with unread bytes is closed by nobody either.
    process._transport.close()  # type: ignore[attr-defined]
