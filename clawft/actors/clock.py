"""The clock that actors read. Rules do not: they are given the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers with the time in UTC; tests pass their own."""


def utc_now() -> datetime:
    return datetime.now(UTC)
