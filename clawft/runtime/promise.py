"""Replies: futures with callbacks, cancellation and a real ``await``."""

import asyncio
import queue
import sys
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, cast

import pykka

from clawft.runtime.port import LoopPort, running_in

R = TypeVar("R")


class BlockingCallOnLoop(RuntimeError):
    """``Reply.get()`` was called on an event loop's thread, where it would stop all else: ``await`` it."""


class Reply(pykka.Future[R], Generic[R]):
    """The answer to an ask, there or still to come. It is settled at most once, and settling never raises.

    Cancelling it, or the task that awaits it, drops the message if it still waits, and cancels the coroutine
    that handles it.
    """

    _get_hook: Callable[[float | None], R] | None = None

    def __init__(self) -> None:  # without super().__init__(): a queue per reply costs five times as much
        self._lock = allocate_lock()
        self._settled = self._expired = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Reply[R]], object]] | None = None

    @classmethod
    def of(cls, value: R) -> "Reply[R]":
        """An answer that is already there."""
        reply = cls()
        reply.settle(value, None)
        return reply

    @classmethod
    def failed(cls, error: BaseException) -> "Reply[R]":
        """A failure that is already there."""
        reply = cls()
        reply.settle(None, error)
        return reply

    def settle(self, value: R | None, error: BaseException | None) -> bool:
        """Give the answer or the error; False if there was one already."""
        with self._lock:
            if self._settled or self._get_hook is not None:
                return False
            self._value, self._error, self._settled = value, error, True
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback(self)
        return True

    def set(self, value: R | None = None) -> None:
        """Pykka's: raises ``queue.Full`` when it was settled before, unless by cancelling."""
        if not self.settle(value, None) and not self.cancelled():
            raise queue.Full

    def set_exception(self, exc_info: Any = None) -> None:
        """Pykka's: takes an ``exc_info`` triple, or the exception being handled."""
        kind, error, _ = exc_info or sys.exc_info()
        failure = error if error is not None else cast("type[BaseException]", kind)()
        if not self.settle(None, failure) and not self.cancelled():
            raise queue.Full

    def set_get_hook(self, func: Callable[[float | None], R]) -> None:
        """Pykka's: what ``get`` calls instead of waiting."""
        with self._lock:
            if self._settled:
                raise queue.Full
            self._get_hook = func

    def cancel(self) -> bool:
        """Nobody wants the answer any more; False if it was there already."""
        return self.settle(None, asyncio.CancelledError())

    def expire(self, error: BaseException) -> bool:
        """Nobody waits any longer, and this is what they were told."""
        self._expired = True
        return self.settle(None, error)

    def abandoned(self) -> bool:
        """Whether the asker gave up, so that the work may be dropped."""
        return self._expired or self.cancelled()

    def done(self) -> bool:
        return self._settled

    def cancelled(self) -> bool:
        return isinstance(self._error, asyncio.CancelledError)

    def add_done_callback(self, callback: Callable[["Reply[R]"], object]) -> None:
        """Call it once the reply is settled, on the thread that settles it; now, if it is already."""
        with self._lock:
            if not self._settled:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def result(self) -> R:
        """The answer of a settled reply, or its error raised."""
        if self._error is not None:
            raise self._error
        return cast("R", self._value)

    def get(self, *, timeout: float | None = None) -> R:
        """Wait for the answer, at most ``timeout`` seconds (``pykka.Timeout``). Not on a loop's thread."""
        if self._settled:
            return self.result()
        if self._get_hook is not None:
            self._value = self._get_hook(timeout)
            self._settled = True
            return self.result()
        if asyncio._get_running_loop() is not None:
            raise BlockingCallOnLoop("a reply cannot be waited for on the event loop's thread; await it")
        if not self._wait(timeout):
            raise pykka.Timeout(f"no answer within {timeout} seconds")
        return self.result()

    def _wait(self, timeout: float | None) -> bool:
        gate = allocate_lock()
        gate.acquire()
        self.add_done_callback(lambda _: gate.release())
        worker = running_in(get_ident())
        if worker is None:
            return gate.acquire(True, -1 if timeout is None else max(timeout, 0))
        worker.begin_wait()  # another worker may take its place, so a chain of waits cannot starve the pool
        try:
            return gate.acquire(True, -1 if timeout is None else max(timeout, 0))
        finally:
            worker.end_wait()

    def __await__(self) -> Generator[Any, None, R]:
        if not self._settled:
            if self._get_hook is not None:
                loop = asyncio.get_running_loop()
                return (yield from loop.run_in_executor(None, self.get).__await__())
            yield from self._suspend()
        return self.result()

    __iter__ = __await__

    def _suspend(self) -> Generator[Any, None, None]:
        port = LoopPort.current()
        waiter = port.loop.create_future()

        def wake(_: object) -> None:
            port.call(_release, waiter)

        self.add_done_callback(wake)
        try:
            yield from waiter
        except asyncio.CancelledError:
            self.cancel()
            raise


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
