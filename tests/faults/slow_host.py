"""A whole host whose model takes its time.

``python -m tests.faults.slow_host FOLDER SECONDS`` prints its address and runs until it is killed.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from clawft.app import App, Options
from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta
from clawft.drivers.models.registry import Models


class Slow:
    """Says that it has begun, and after so many seconds what it was asked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("Let me see. ")
        await asyncio.sleep(self._seconds)
        yield TextDelta(f"You said: {request.messages[-1].content}")
        yield Finished("end", Usage(input_tokens=3, output_tokens=4))


async def serve(folder: Path, seconds: float) -> None:
    models = Models()
    models.add("slow", Slow(seconds))
    app = App(Options(folder, port=0, log_level="error"), models=models)
    await app.start()
    print(f"clawft listens on {app.url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
