"""systemd: it is told when the host is ready, that it lives, and that it stops. See sd_notify(3)."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Supervisor:
    """Whoever started us, if it wants to hear. Otherwise nothing is done."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # the abstract namespace
            self._address = "\0" + self._address[1:]
        mine = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        limit = environment.get("WATCHDOG_USEC", "")
        self.pause = int(limit) / 1_000_000 / 2 if mine and limit.isdigit() and int(limit) else None
        """Seconds between two signs of life; None: nobody waits for them."""

    def ready(self) -> None:
        self.tell("READY=1")

    def stopping(self) -> None:
        self.tell("STOPPING=1")

    async def watch(self) -> None:
        """A sign of life as long as the event loop goes round: a host whose loop hangs is started anew."""
        while self.pause is not None:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.pause)

    def tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(state.encode(), self._address)
        except OSError as error:
            log.warning("systemd could not be told %s: %s", state, error)
