"""The tick: a ``schedule`` that is driven by an actor's timer and is not misled by the clock on the wall."""

import time
from collections.abc import Callable

import schedule


class SteadyJob(schedule.Job):
    """A job that is due again so many seconds after it ran.

    ``schedule`` itself compares naive local times: when the clock falls back, or is set back, a job of every
    second rests for as long. Elapsed time decides here.
    """

    def __init__(self, seconds: float, scheduler: schedule.Scheduler) -> None:
        super().__init__(1, scheduler)
        self.unit = "seconds"
        self._seconds = seconds
        self._ran = -seconds

    @property
    def should_run(self) -> bool:
        # A little early is on time: the timer that drives us has the same period.
        return time.monotonic() - self._ran >= self._seconds * 0.9

    def run(self) -> object:
        self._ran = time.monotonic()
        return super().run()  # type: ignore[no-untyped-call]  # schedule types some of its methods only


def steady(scheduler: schedule.Scheduler, seconds: float, act: Callable[[], object]) -> None:
    """Have ``scheduler.run_pending`` call ``act`` at most once in that time."""
    SteadyJob(seconds, scheduler).do(act)
