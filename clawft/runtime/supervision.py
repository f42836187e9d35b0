"""Supervision: what becomes of an actor whose tell, start or background work failed."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resume:
    """Log it and take the next message with the state as it is."""


@dataclass(frozen=True)
class Stop:
    """Pykka's own rule: the actor stops."""


@dataclass(frozen=True)
class Escalate:
    """The failure becomes the parent's."""


@dataclass(frozen=True)
class Restart:
    """Begin anew behind the same reference, after a pause that doubles from ``first`` to ``longest`` seconds.

    Past ``limit`` failures in ``window`` seconds: give up. ``jitter``: up to this share is added to a pause.
    """

    limit: int = 5
    window: float = 60.0
    first: float = 0.1
    longest: float = 30.0
    jitter: float = 0.2

    def pause(self, failures: list[float], now: float) -> float | None:
        """Seconds to wait, given when it failed lately (pruned and added to); None: give up."""
        failures[:] = [at for at in failures if now - at < self.window]
        failures.append(now)
        if len(failures) > self.limit:
            return None
        pause = min(self.longest, self.first * 2.0 ** (len(failures) - 1))
        return pause * (1 + self.jitter * random.random())


Strategy = Resume | Stop | Escalate | Restart


@dataclass(slots=True)
class Lineage:
    """What of an actor survives its restarts: where it is, how it was made, and who watches over it."""

    name: str
    path: str
    supervision: Strategy
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    make: Callable[..., Any]
