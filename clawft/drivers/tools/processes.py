"""Programs: started, listened to while they run, and ended with everything they started."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Sequence

import psutil

KEPT = 32 * 1024
"""Bytes kept of the beginning of an output, and as many of its end."""

MARK = "CLAWFT_PROGRAM"
"""In the environment of what runs outside a sandbox: it finds children that have left the process group."""

LET_GO = 1.0
"""Seconds a killed program has to be gone."""


class Output:
    """What a program says: all of it is read, its head and its tail are kept."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        room = self._kept - len(self._head)
        self._head += data[:room]
        if rest := data[room:] if room > 0 else data:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= self._kept:
                self._tail_size -= len(self._tail.popleft())

    def text(self) -> str:
        tail = b"".join(self._tail)[-self._kept :]
        left_out = self.size - len(self._head) - len(tail)
        if left_out <= 0:
            return bytes(self._head + tail).decode("utf-8", "replace")
        mark = f"\n[… {left_out:,} bytes left out …]\n"
        return self._head.decode("utf-8", "replace") + mark + tail.decode("utf-8", "replace")


class Program:
    """One program that runs, in a session of its own. ``end`` it, whatever happens."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, pipe: int) -> None:
        """``mark``: what its children outside a sandbox are found by; empty: it is in one."""
        self._process = process
        self._mark = mark
        self.output = Output()
        self.began = time.monotonic()
        self._reading = asyncio.ensure_future(self._read(pipe))

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, folder: str, environment: dict[str, str], confined: bool
    ) -> "Program":
        """Raises OSError when it cannot be started. ``confined``: it dies with all it started by itself."""
        mark = "" if confined else secrets.token_hex(8)
        # A pipe of our own: with asyncio's, a program has not ended while a child of it holds the other end.
        ours, its = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=folder,
                env={**environment, MARK: mark} if mark else environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=its,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(its)
        return cls(process, mark, ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    async def _read(self, pipe: int) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        with os.fdopen(pipe, "rb", buffering=0) as file:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
            try:
                while data := await reader.read(65_536):
                    self.output.add(data)
            finally:
                transport.close()

    async def ended(self) -> int:
        """Wait for its end; the answer is its exit code. What it left behind in its group is killed."""
        code = await self._process.wait()
        await self.end()
        return code

    async def end(self) -> None:
        """Kill it with all it started, and wait until it is gone."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LET_GO):
                await self._process.wait()
                await self._reading
        self._reading.cancel()

    def kill(self) -> None:
        """Kill it with all it started; it will be gone in a moment."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in marked(self._mark) if self._mark else ():
            with contextlib.suppress(psutil.Error):
                process.kill()


def marked(mark: str) -> list[psutil.Process]:
    """Processes that carry the mark in their environment: also those that made a session of their own.

    A child of a sandbox carries none, and dies with it.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
