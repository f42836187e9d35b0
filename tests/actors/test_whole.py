"""Work that is done whole."""

import asyncio
import logging

import pytest

from clawft.actors.whole import whole


async def test_its_answer_and_its_error_are_the_works() -> None:
    async def seven() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("no")

    assert await whole(seven()) == 7
    with pytest.raises(ValueError, match="no"):
        await whole(fail())


async def test_work_that_has_begun_ends_before_the_cancellation_is_felt() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    task = asyncio.ensure_future(whole(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_failure_nobody_waits_for_any_more_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        raise ValueError("the disk is full")

    task = asyncio.ensure_future(whole(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await task
    assert "the disk is full" in caplog.text
