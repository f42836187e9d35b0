"""The story of a turn as it is made: its steps, what was spent, and what of both is not on the disk yet."""

from typing import Any

from msgspec.structs import replace

from clawft.actors.clock import Clock
from clawft.domain.steps import Step, StepKind, StepStatus
from clawft.domain.turns import ModelCall, TurnEnd, TurnLeft
from clawft.domain.values import UNSET


class Story:
    """Written by the turn's coroutine alone, and by whoever closes it when that one is gone."""

    def __init__(self, now: Clock, first: int = 0) -> None:
        self._now = now
        self._first = first
        """Steps that earlier attempts left."""
        self._steps: list[Step] = []
        self._changed: set[int] = set()
        self.calls: list[ModelCall] = []
        self._calls_kept = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    @property
    def running(self) -> tuple[Step, ...]:
        return tuple(step for step in self._steps if step.status == "running")

    def begin(self, kind: StepKind, name: str, **more: Any) -> int:
        """A step begins; the answer is its number."""
        number = self._first + len(self._steps) + 1
        self._steps.append(Step(number, kind, name, "running", self._now(), **more))
        self._changed.add(number)
        return number

    def end(self, number: int, status: StepStatus, **more: Any) -> None:
        """The step has ended. One that was closed meanwhile stays as it is."""
        at = number - self._first - 1
        if self._steps[at].status == "running":
            self._steps[at] = replace(self._steps[at], status=status, ended_at=self._now(), **more)
            self._changed.add(number)

    def spent(self, number: int, call: ModelCall, said: str) -> None:
        """What a call to a model came to, whatever else becomes of its step."""
        at = number - self._first - 1
        self._steps[at] = replace(self._steps[at], usage=call.usage, result=said, result_size=len(said))
        self._changed.add(number)

    def fail_running(self, kind: StepKind, reason: str) -> None:
        """The steps of this kind that run were given up, and the turn goes on."""
        for step in self.running:
            if step.kind == kind:
                self.end(step.number, "failed", reason=reason)

    def measured(self, kind: StepKind, before: int, after: int, reason: str) -> None:
        """What the last step of this kind made of how many tokens; ``reason`` says why it is not used."""
        at = max(at for at, step in enumerate(self._steps) if step.kind == kind)
        self._steps[at] = replace(
            self._steps[at],
            status="failed" if reason else "done",
            reason=reason or UNSET,
            arguments=f'{{"before":{before},"after":{after}}}',
        )
        self._changed.add(self._steps[at].number)

    def close(self, end: TurnEnd) -> None:
        """What runs still was cut off by the end of the turn."""
        for step in self.running:
            self.end(step.number, "cancelled", reason=end)

    def unkept(self) -> TurnLeft:
        """What is not on the disk yet."""
        steps = tuple(self._steps[number - self._first - 1] for number in sorted(self._changed))
        return TurnLeft(steps, tuple(self.calls[self._calls_kept :]))

    def kept(self, left: TurnLeft) -> None:
        """This is on the disk now. A step that went on meanwhile is not yet."""
        self._calls_kept += len(left.calls)
        for step in left.steps:
            if self._steps[step.number - self._first - 1] is step:
                self._changed.discard(step.number)

    def result_of(self, call_id: str) -> str | None:
        """The whole result of a call, if it was made in this attempt."""
        for step in reversed(self._steps):
            if step.call_id == call_id and step.result is not UNSET:
                return step.result
        return None
