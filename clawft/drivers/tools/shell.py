"""How commands are run: in the sandbox, or, where the operator says so, as the host itself."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.drivers.tools.processes import Program
from clawft.drivers.tools.sandbox import PATH, limited, sandboxed
from clawft.errors import ClawftError

LONGEST = 600

Command = Annotated[str, Meta(min_length=1, max_length=32_768, pattern=r"^[^\x00]*$")]


class ExecShell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Run a shell command in the workspace and give its output and exit code.

    There is no network, and only the workspace and /tmp can be written.
    """

    command: Annotated[Command, Meta(description="For sh -c, like: grep -rn TODO . | head")]
    timeout: Annotated[int, Meta(ge=1, le=LONGEST, description="Seconds it may take")] = 60


class Shell:
    """Starts programs with the workspace as their folder."""

    def __init__(self, workspace: Path, *, confined: bool) -> None:
        """``confined=False``: as the host's own user, with its network and files: the operator's choice."""
        self._workspace = workspace
        self._confined = confined

    async def start(self, command: str) -> Program:
        """Raises ``ClawftError`` when it cannot be started."""
        try:
            return await Program.start(
                self._argv(["/bin/sh", "-c", command]),
                folder=str(self._workspace),
                environment=self._environment(),
                confined=self._confined,
            )
        except (OSError, ValueError) as error:
            raise ClawftError(f"the command could not be started: {error}") from error

    def _argv(self, argv: Sequence[str]) -> list[str]:
        return sandboxed(argv, self._workspace) if self._confined else [*limited(), *argv]

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: keys and tokens of the operator are in there."""
        return {"PATH": PATH, "HOME": str(self._workspace), "LANG": "C.UTF-8"}


class ExecShellTool:
    """One command, from its start to its end. Whoever gives up on it ends it."""

    spec = replace(spec_of("exec_shell", ExecShell, effect="process", timeout=LONGEST + 10), reads="file")

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, ExecShell)
        program = await self._shell.start(wanted.command)
        try:
            async with asyncio.timeout(wanted.timeout):
                code = await program.ended()
        except TimeoutError:
            await program.end()
            text = f"{program.output.text()}\n[killed after {wanted.timeout} s]"
            return ToolResult(text.lstrip("\n"), is_error=True)
        except BaseException:
            program.kill()
            raise
        return ToolResult(told(program.output.text(), code), is_error=code != 0)


def told(output: str, code: int) -> str:
    """What was said, and how it ended unless that was well."""
    ending = "" if code == 0 else f"[killed by signal {-code}]" if code < 0 else f"[exit code {code}]"
    text = output if output.strip() else "(no output)"
    return f"{text}\n{ending}" if ending else text
