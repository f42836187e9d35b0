"""A clock that stands still until a test moves it, and waiting for what must come true."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 5, 1, 9, 59, 30, tzinfo=UTC)  # a Friday


class StillClock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


async def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Let everybody else work until it is so; ``TimeoutError`` when it does not come to that."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.001)
