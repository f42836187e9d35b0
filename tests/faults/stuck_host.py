"""A whole host with an actor that hangs on a thread, run as `clawft serve` runs one.

``python -m tests.faults.stuck_host FOLDER`` prints its address and stops at SIGTERM.
"""

import asyncio
import sys
import time
from pathlib import Path

from clawft import log
from clawft.app import App, Options
from clawft.cli import serve
from clawft.runtime import Actor, Tell, on


class Hang(Tell, frozen=True):
    """Never be done."""


class Stuck(Actor):
    dispatcher = "pool"

    @on(Hang)
    def hang(self, _: Hang) -> None:
        time.sleep(3600)


class StuckApp(App):
    async def start(self) -> None:
        await super().start()
        self.system.spawn(Stuck, "stuck")
        self.system.tell("stuck", Hang())


if __name__ == "__main__":
    log.set_up("error")
    vars(serve)["App"] = StuckApp
    sys.exit(asyncio.run(serve.run(Options(Path(sys.argv[1]), port=0, safe_mode="off"))))
