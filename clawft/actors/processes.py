"""The one who has the programs that agents started in the background. They end with it."""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator

from clawft.domain.processes import MOST, BackgroundProcess
from clawft.drivers.tools.processes import Program
from clawft.drivers.tools.shell import Shell
from clawft.errors import Busy, NotFound
from clawft.messages.processes import EndProcess, ListProcesses, ReadProcess, StartProcess
from clawft.runtime import Actor, on

log = logging.getLogger(__name__)

KEPT_ENDED = 50
"""How many that have ended are remembered, with what they said."""


class _Kept:
    """One program and whose it is."""

    def __init__(self, id: str, command: str, session_key: str, program: Program) -> None:
        self.id, self.command, self.session_key, self.program = id, command, session_key, program
        self.took = 0.0

    def shown(self) -> BackgroundProcess:
        program = self.program
        running = program.code is None
        return BackgroundProcess(
            id=self.id,
            command=self.command[:500],
            session_key=self.session_key,
            state="running" if running else "ended",
            seconds=round(time.monotonic() - program.began if running else self.took, 1),
            exit_code=program.code,
            output_bytes=program.output.size,
        )


class Processes(Actor):
    """Programs by id, each seen only by the session it belongs to."""

    def __init__(self, *, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._kept: dict[str, _Kept] = {}
        self._ids = itertools.count(1)

    @on(StartProcess)
    async def start_process(self, ask: StartProcess) -> BackgroundProcess:
        running = [each for each in self._kept.values() if each.program.code is None]
        if len(running) >= MOST:
            raise Busy(f"{MOST} programs run in the background already; stop one first", retry_after=10.0)
        program = await self._shell.start(ask.command)
        kept = _Kept(f"proc-{next(self._ids)}", ask.command, ask.session_key, program)
        self._kept[kept.id] = kept
        self.background(self._attend(kept))
        return kept.shown()

    async def _attend(self, kept: _Kept) -> None:
        try:
            await kept.program.ended()
        except asyncio.CancelledError:
            kept.program.kill()  # the host is stopping
            raise
        kept.took = time.monotonic() - kept.program.began
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        ended = [each.id for each in self._kept.values() if each.program.code is not None]
        for id in ended[: max(0, len(ended) - KEPT_ENDED)]:
            del self._kept[id]

    @on(ListProcesses)
    def list(self, ask: ListProcesses) -> tuple[BackgroundProcess, ...]:
        return tuple(each.shown() for each in self._of(ask.session_key))

    def _of(self, session_key: str) -> Iterator[_Kept]:
        return (each for each in self._kept.values() if not session_key or each.session_key == session_key)

    @on(ReadProcess)
    def read(self, ask: ReadProcess) -> str:
        return self._find(ask.id, ask.session_key).program.output.text()

    @on(EndProcess)
    async def end(self, ask: EndProcess) -> BackgroundProcess:
        kept = self._find(ask.id, ask.session_key)
        await kept.program.end()
        return kept.shown()

    def _find(self, id: str, session_key: str) -> _Kept:
        kept = self._kept.get(id)
        if kept is None or (session_key and kept.session_key != session_key):
            raise NotFound(f"no program in the background has the id {id[:100]}")
        return kept

    def on_stop(self) -> None:
        for kept in self._kept.values():
            if kept.program.code is None:
                kept.program.kill()
