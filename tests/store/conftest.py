"""A store in a folder of its own, and what its tests talk about."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clawft.runtime import System
from clawft.store import Store

NOW = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def system() -> Iterator[System]:
    system = System("test")
    yield system
    system.stop(10)


@pytest.fixture
def store(system: System, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(system, tmp_path / "data")
    yield store
    store.close()
