"""Processes: programs that agents started in the background."""

from typing import Literal

from clawft.domain.values import Value

MOST = 16
"""How many may run at once, of all sessions."""


class BackgroundProcess(Value, frozen=True, omit_defaults=True):
    """One program. ``exit_code`` is negative for a signal, and left out while it runs."""

    id: str
    command: str
    session_key: str
    state: Literal["running", "ended"]
    seconds: float
    exit_code: int | None = None
    output_bytes: int = 0
