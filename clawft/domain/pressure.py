"""Pressure: when memory is short, and what is shed then."""

from typing import Literal

Pressure = Literal["none", "idle", "work"]
"""Nothing is shed; what is idle is; new work is too."""

EASED = 0.9
"""The share of the limit below which all is well again."""


def pressure_at(used: int, limit: int, before: Pressure) -> Pressure:
    """First what is idle goes; if that does not help until the next look, new work is refused.

    Between the limit and nine tenths of it things stay as they are, and do not change with every look.
    """
    if limit <= 0 or used < limit * EASED:
        return "none"
    if used < limit:
        return before
    return "idle" if before == "none" else "work"
