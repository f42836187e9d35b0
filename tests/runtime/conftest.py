"""A system for each test, ended with it."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from clawft.runtime import System


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """Attached to the test's own event loop."""
    made = System("test")
    made.attach()
    yield made
    assert await made.shutdown(5) == ()


@pytest.fixture
def apart() -> Iterator[System]:
    """With a private loop thread, for tests that wait as scripts do."""
    made = System("apart")
    yield made
    assert made.stop(5) == ()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "clawft.runtime")
    caplog.set_level(logging.CRITICAL, "pykka")
