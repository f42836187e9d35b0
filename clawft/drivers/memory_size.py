"""How much memory there is, and giving back what is not used."""

import contextlib
import ctypes
from pathlib import Path

import psutil

_CGROUP_2 = Path("/sys/fs/cgroup/memory.max")
_CGROUP_1 = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """What the machine has, or the control group if that is less."""
    total = int(psutil.virtual_memory().total)
    for path in (_CGROUP_2, _CGROUP_1):
        with contextlib.suppress(OSError, ValueError):
            return min(total, int(path.read_text()))
    return total


def give_back() -> None:
    """Have the C library give free memory back to the system; without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
