"""Pace: how a process that is a host shares its time between the loop, the threads and the collector."""

import gc
import sys

SWITCH = 0.001
"""Seconds a thread may go on while others wait. The store's writer gives way at each statement, and beside a
loop that is busy would wait 5 ms, which is Python's default, to come back."""

THRESHOLDS = (20_000, 20, 50)
"""Objects made before the young, and rounds before the older ones are looked through. With Python's own 700 a
thousand turns at once have the collector stop the loop for 200 ms at a time and cost a third more."""


def set_pace() -> None:
    """For the whole process; what is there by now is taken to stay."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
