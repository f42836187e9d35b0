"""The sandbox in which programs run: bubblewrap, with nothing of this machine but its programs."""

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

PATH = "/usr/local/bin:/usr/bin:/bin"
SCRATCH = "/tmp"  # noqa: S108  # inside the sandbox, where nobody else is
HOME = "/workspace"
"""Where the workspace is, inside."""

PROBE_PATIENCE = 10.0


class Bounds(msgspec.Struct, frozen=True):
    """What one program may take up."""

    cpu_seconds: int = 60
    memory_bytes: int = 1024 * 1024 * 1024
    """Of address space, each process. Runtimes that reserve more than they use (Go, Java) may not start."""
    processes: int = 256
    """Of the same user; the kernel does not count those of root."""
    file_bytes: int = 64 * 1024 * 1024
    """The size of any one file it writes."""
    open_files: int = 256
    scratch_bytes: int = 64 * 1024 * 1024
    """``/tmp``, in memory."""


BOUNDS = Bounds()


def sandboxed(argv: Sequence[str], workspace: Path, bounds: Bounds = BOUNDS) -> list[str]:
    """The command that runs ``argv`` in the sandbox.

    No network, no environment, no user of this machine, nothing to write on but the workspace and a small
    ``/tmp``. It dies with whoever started it, and with it all it started.
    """
    return [
        *limited(bounds),
        "bwrap",
        *("--unshare-all", "--unshare-user", "--disable-userns", "--new-session", "--die-with-parent"),
        *("--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--clearenv"),
        *("--setenv", "PATH", PATH, "--setenv", "HOME", HOME, "--setenv", "LANG", "C.UTF-8"),
        *("--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"),
        *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
        *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(bounds.scratch_bytes), "--tmpfs", SCRATCH),
        *("--bind", str(workspace), HOME, "--chdir", HOME, "--"),
        *argv,
    ]


def limited(bounds: Bounds = BOUNDS) -> list[str]:
    """What goes before a command to bound it. A program of its own: in a process with threads nothing may run
    between fork and exec."""
    return [
        "prlimit",
        f"--cpu={bounds.cpu_seconds}",
        f"--as={bounds.memory_bytes}",
        f"--nproc={bounds.processes}",
        f"--fsize={bounds.file_bytes}",
        f"--nofile={bounds.open_files}",
        "--core=0",
        "--",
    ]


@functools.cache
def why_no_sandbox() -> str:
    """Why there is none here, in words; empty when there is.

    Tried, once: that it is installed says little, for many containers forbid what it needs.
    """
    for program, package in (("bwrap", "bubblewrap"), ("prlimit", "util-linux")):
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install {package})"
    try:
        done = subprocess.run(  # noqa: S603  # our own words
            sandboxed(["/usr/bin/true"], Path(SCRATCH)),
            capture_output=True,
            text=True,
            timeout=PROBE_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap could not be tried: {error}"
    if done.returncode:
        said = " ".join(done.stderr.split())[:200]
        return f"bwrap does not work here: {said or f'it ended with {done.returncode}'}"
    return ""
