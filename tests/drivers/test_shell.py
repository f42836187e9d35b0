"""Commands: what they may and may not do in the sandbox, and that nothing of them is left."""

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.processes import Output
from clawft.drivers.tools.sandbox import sandboxed, why_no_sandbox
from clawft.drivers.tools.shell import ExecShellTool, Shell

WHY_NOT = why_no_sandbox()
confined = pytest.mark.skipif(bool(WHY_NOT), reason=f"there is no sandbox here: {WHY_NOT}")
places = pytest.mark.parametrize("where", [pytest.param("sandbox", marks=confined), "host"])


def shell(folder: Path, where: str = "sandbox") -> ExecShellTool:
    return ExecShellTool(Shell(folder, confined=where == "sandbox"))


async def run(tool: ExecShellTool, command: str, timeout: int = 20) -> ToolResult:
    return await tool.run(ToolCall("exec_shell", {"command": command, "timeout": timeout}, "sess-1", "a"))


def alive(word: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if word in line and process.status() != psutil.STATUS_ZOMBIE:
                found.append(line)
        except psutil.Error:
            continue
    return found


async def gone(word: str, within: float = 1.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not alive(word):
            return True
        await asyncio.sleep(0.02)
    return False


@places
async def test_output_and_exit_code_are_told(tmp_path: Path, where: str) -> None:
    done = await run(shell(tmp_path, where), "echo out; echo err >&2; pwd > here; exit 3")
    assert (done.content, done.is_error) == ("out\nerr\n\n[exit code 3]", True)
    assert (tmp_path / "here").exists()
    assert await run(shell(tmp_path, where), "true") == ToolResult("(no output)")


@confined
async def test_nothing_of_this_machine_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-operator")
    tool = shell(tmp_path)
    assert "sk-secret" not in (await run(tool, "env; cat /proc/self/environ; cat /proc/1/environ")).content
    for secret in ("/etc/shadow", "/etc/passwd", "/root", "/home", "/var", str(Path.home())):
        assert (await run(tool, f"ls -d {secret}")).is_error
    assert (await run(tool, "touch /usr/x /x /etc/x")).is_error
    assert (await run(tool, "id -u")).content == "65534\n"
    assert (await run(tool, "ps -e 2>/dev/null | wc -l || ls -d /proc/[0-9]*")).content.count("\n") < 10


@confined
async def test_there_is_no_network(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
    done = await run(shell(tmp_path), f'/usr/bin/python3 -c "{code}" || exit 9')
    server.close()
    assert "[exit code 9]" in done.content


@confined
async def test_what_it_may_take_up_is_bounded(tmp_path: Path) -> None:
    tool = shell(tmp_path)
    assert (await run(tool, "head -c 100M /dev/zero > big")).is_error
    assert (tmp_path / "big").stat().st_size <= 64 * 1024 * 1024
    assert (await run(tool, "head -c 100M /dev/zero > /tmp/big")).is_error
    hungry = await run(tool, "/usr/bin/python3 -c 'bytearray(3 << 30)'")
    assert hungry.is_error
    assert "MemoryError" in hungry.content


@places
async def test_an_endless_output_is_read_and_cut(tmp_path: Path, where: str) -> None:
    began = time.monotonic()
    done = await run(
        shell(tmp_path, where), "echo first; head -c 20M /dev/zero | tr '\\0' x; echo; echo last"
    )
    assert time.monotonic() - began < 15
    assert done.content.startswith("first\nxxx")
    assert done.content.endswith("x\nlast\n")
    assert "bytes left out" in done.content
    assert len(done.content) < 70_000


@places
async def test_what_takes_too_long_is_killed_with_all_it_started(tmp_path: Path, where: str) -> None:
    mark = f"4{os.getpid()}.{time.monotonic_ns() % 1000}1"
    command = f"echo begun; setsid sleep {mark} & sleep {mark} & sh -c 'sleep {mark}; true'"
    done = await run(shell(tmp_path, where), command, timeout=1)
    assert done == ToolResult("begun\n\n[killed after 1 s]", is_error=True)
    assert await gone(mark)


@places
async def test_whoever_gives_up_on_a_command_ends_it_at_once(tmp_path: Path, where: str) -> None:
    mark = f"4{os.getpid()}.{time.monotonic_ns() % 1000}2"
    work = asyncio.ensure_future(
        run(shell(tmp_path, where), f"trap '' TERM INT; setsid sleep {mark} & sleep {mark}")
    )
    while len(alive(f"sleep {mark}")) < 2:
        await asyncio.sleep(0.02)
    began = time.monotonic()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await gone(mark)
    assert time.monotonic() - began < 0.6


@places
async def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path, where: str) -> None:
    mark = f"4{os.getpid()}.{time.monotonic_ns() % 1000}3"
    done = await asyncio.wait_for(run(shell(tmp_path, where), f"sleep {mark} & echo left"), 5)
    assert "left" in done.content
    assert await gone(mark)


def test_the_sandbox_shares_nothing_it_need_not(tmp_path: Path) -> None:
    command = sandboxed(["true"], tmp_path)
    assert command[0] == "prlimit"
    assert {"--unshare-all", "--clearenv", "--die-with-parent", "--new-session"} <= set(command)
    assert "--share-net" not in command


def test_output_keeps_its_head_and_its_tail() -> None:
    output = Output(kept=10)
    for piece in (b"0123456", b"789abc", b"d" * 100, b"tail-tail-"):
        output.add(piece)
    assert output.size == 123
    assert output.text() == "0123456789\n[… 103 bytes left out …]\ntail-tail-"
    short = Output(kept=10)
    short.add(b"0123456789abcdef")
    assert short.text() == "0123456789abcdef"
