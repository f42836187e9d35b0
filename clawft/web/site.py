"""What every handler of one server shares."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from clawft.web.guard import House
from clawft.web.limits import Limits
from clawft.web.peers import Peers
from clawft.web.sockets import Sockets

if TYPE_CHECKING:
    from clawft.runtime import System


class Site:
    """One server's surroundings: the actors it asks, its limits, who is connected, what was counted."""

    def __init__(self, system: System, limits: Limits, house: House) -> None:
        self.system = system
        self.limits = limits
        self.house = house
        self.sockets = Sockets(limits)
        self.peers = Peers()
        self.requests: Counter[tuple[str, int]] = Counter()
        """Answered requests by method and status."""
        self.lag = 0.0
        """Seconds by which the event loop was late at the last look."""
        self.is_stopping = False
        """New work is refused; what runs is finished."""
