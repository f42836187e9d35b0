"""The host of the turns bench, in a process of its own: a whole one, with a model that takes its time."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from clawft.app import App, Options
from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta
from clawft.drivers.models.registry import Models
from clawft.pace import set_pace

PIECES = 4
"""In how many pieces an answer comes."""


class Slow:
    """Answers in ``PIECES`` pieces over so many seconds, as a model far away does."""

    def __init__(self, seconds: float) -> None:
        self._pause = seconds / PIECES

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for number in range(PIECES):
            await asyncio.sleep(self._pause)
            yield TextDelta(f"piece {number} ")
        yield Finished("end", Usage(input_tokens=10, output_tokens=2 * PIECES))


async def serve(folder: Path, seconds: float) -> None:
    models = Models()
    models.add("slow", Slow(seconds))
    app = App(Options(folder, port=0, log_level="error"), models=models)
    await app.start()
    set_pace()
    print(app.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the bench closes it
    await app.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
