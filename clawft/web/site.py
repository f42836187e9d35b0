"""What every handler of one server shares."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime

from clawft.domain.channels import ChannelState
from clawft.domain.tokens import Caller
from clawft.messages.audit import Record
from clawft.messages.channels import ChannelReport, ChannelUsed
from clawft.runtime import MailboxFull, NoSuchActor, System
from clawft.web.guard import House
from clawft.web.limits import Limits
from clawft.web.peers import Peers
from clawft.web.sockets import Sockets


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
        self.under_way = 0
        """Requests that have begun and are not answered yet."""
        self._quiet: asyncio.Event | None = None
        self.lag = 0.0
        """Seconds by which the event loop was late at the last look."""
        self.is_stopping = False
        """New work is refused; what runs is finished."""

    def begin(self) -> None:
        """A request has begun."""
        self.under_way += 1

    def end(self) -> None:
        """A request was answered, or its client has gone."""
        self.under_way -= 1
        if not self.under_way and self._quiet is not None:
            self._quiet.set()

    async def quiet(self) -> None:
        """Wait until no request is under way."""
        self._quiet = asyncio.Event()
        if self.under_way:
            await self._quiet.wait()

    def report_channel(self, status: ChannelState) -> None:
        """Say how the channel ``web`` is: connected as long as we listen."""
        self.system.tell("channels", ChannelReport("web", status))

    def record(self, caller: Caller | None, action: str) -> None:
        """Remember who did it."""
        if caller is None:
            return
        actor = f"token {caller.token_id}" if caller.token_id else caller.via
        with contextlib.suppress(NoSuchActor):
            try:
                self.system.tell("audit", Record(actor, caller.peer, action))
            except MailboxFull as error:
                self.system.dead_letters.add("audit", Record(actor, caller.peer, action), str(error))

    def count_messages(self, count: int) -> None:
        """Count what was said over HTTP, both ways. A full mailbox is no reason to fail a request."""
        with contextlib.suppress(MailboxFull):
            self.system.tell("channels", ChannelUsed("web", datetime.now(UTC), count))
