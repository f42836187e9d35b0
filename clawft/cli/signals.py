"""Signals: how a host that serves is told to stop, and asked what it is doing."""

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import threading

from clawft.app import App
from clawft.cli.exits import FAILED
from clawft.runtime import ActorStatus

PATIENCE = 9.5
"""Seconds a stop may take before the process ends anyway, saying what did not stop."""

log = logging.getLogger(__name__)


class Signals:
    """SIGTERM and SIGINT set ``stop_wanted``; a second one ends the process. SIGUSR1 prints the actors."""

    def __init__(self, app: App) -> None:
        self.stop_wanted = asyncio.Event()
        self._app = app
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGUSR1, self._print_actors)
        # The stacks are printed in C: they are there even when the loop hangs, and the actors are not.
        faulthandler.register(signal.SIGUSR1, all_threads=True, chain=True)

    def _stop(self, number: signal.Signals) -> None:
        if self.stop_wanted.is_set():
            log.warning("stopped at once by a second %s", number.name)
            leave(128 + number)
        log.info("%s: stopping", number.name)
        self.stop_wanted.set()
        timer = threading.Timer(PATIENCE, give_up)
        timer.daemon = True
        timer.start()

    def _print_actors(self) -> None:
        for status in self._app.system.tree():
            print(describe(status), file=sys.stderr)
        sys.stderr.flush()


def describe(status: ActorStatus) -> str:
    """One actor on one line."""
    doing = f" {status.current} for {status.current_for_s or 0:.1f} s" if status.current else ""
    counts = f"waiting={status.mailbox_depth} handled={status.handled} failed={status.failed}"
    who = f"{status.path:<40} {status.kind:<16} {status.dispatcher:<6}"
    return f"{who} {status.state}{doing}  {counts} restarts={status.restarts}"


def give_up() -> None:
    print(f"not stopped within {PATIENCE} s; the threads are at:", file=sys.stderr)
    faulthandler.dump_traceback()
    leave(FAILED)


def leave(code: int) -> None:
    """End the process without waiting for anybody. What was acknowledged is on disk."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
