"""The tool with which an agent runs programs in the background."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.drivers.tools.shell import Command
from clawft.errors import Invalid
from clawft.messages.processes import EndProcess, ListProcesses, ReadProcess, StartProcess
from clawft.runtime import System


class SpawnArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Run a command in the background, read what it says, or stop it.

    It runs as exec_shell does, and ends with the host.
    """

    action: Literal["start", "output", "stop", "list"] = "start"
    command: Annotated[Command | None, Meta(description="To start: for sh -c")] = None
    id: Annotated[str, Meta(max_length=100, description="For output and stop")] = ""


class SpawnTool:
    spec = replace(spec_of("spawn", SpawnArguments, effect="process", timeout=20.0), reads="file")

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, SpawnArguments)
        ask, key = self._system.ask, call.session_key
        match wanted.action:
            case "start":
                if not wanted.command:
                    raise Invalid("to start something takes a `command`")
                started = await ask("processes", StartProcess(wanted.command, key))
                return ToolResult(f"started as {started.id}")
            case "output":
                return ToolResult(await ask("processes", ReadProcess(wanted.id, key)) or "(nothing yet)")
            case "stop":
                ended = await ask("processes", EndProcess(wanted.id, key))
                return ToolResult(f"{ended.id} has ended")
            case "list":
                all = await ask("processes", ListProcesses(key))
                lines = (f"{each.id} {each.state} after {each.seconds:g} s: {each.command}" for each in all)
                return ToolResult("\n".join(lines) or "nothing was started")
