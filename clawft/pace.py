"""Pace: how a process that is a host shares its time between the loop, the threads and the collector, and how
it gives memory back."""

import contextlib
import ctypes
import gc
import sys

SWITCH = 0.001
"""Seconds a thread may go on while others wait. The store's writer gives way at each statement, and beside a
loop that is busy would wait 5 ms, which is Python's default, to come back."""

THRESHOLDS = (20_000, 20, 50)
"""Objects made before the young, and rounds before the older ones are looked through. With Python's own 700 a
thousand turns at once have the collector stop the loop for 200 ms at a time and cost a third more."""


ARENAS, ARENAS_MOST = -8, 2
"""``M_ARENA_MAX`` of glibc's malloc.h. Each thread otherwise gets a heap of its own, up to eight a core, and
what is free in one is of no use to the others."""
LARGE, LARGE_FROM = -3, 128 * 1024
"""``M_MMAP_THRESHOLD``: from this size on memory is the system's again as soon as it is free. Set by hand it
stays; by itself it grows to 32 MiB with what is freed."""


def set_pace() -> None:
    """For the whole process; what is there by now is taken to stay."""
    with contextlib.suppress(OSError, AttributeError):  # no glibc
        malloc = ctypes.CDLL(None)
        malloc.mallopt(ARENAS, ARENAS_MOST)
        malloc.mallopt(LARGE, LARGE_FROM)
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
