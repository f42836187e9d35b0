"""An open turn: from the moment its message comes in until it has left behind what it leaves behind."""

import asyncio
from datetime import datetime

import msgspec

from clawft.actors.new_key import new_key
from clawft.actors.pipeline import Ending, Pipeline
from clawft.domain.agents import AgentSpec
from clawft.domain.complexity import complexity
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage, Mode, SessionRecord
from clawft.domain.steps import Step
from clawft.domain.turns import EndedTurn, Turn, TurnEnd, TurnLeft, state_after
from clawft.domain.values import UNSET, UnsetType
from clawft.errors import Cancelled, ClawftError, Conflict
from clawft.messages.sessions import Accepted
from clawft.runtime import Reply
from clawft.store.turns import Once

_WORDS: dict[TurnEnd, str] = {
    "stopped": "the turn was stopped",
    "superseded": "another message took its place",
    "client_gone": "nobody waited for the answer any more",
    "session_deleted": "the session was deleted",
    "agent_stopped": "the agent was stopped",
    "host_stopped": "the host was shut down",
}


class OpenTurn:
    """A turn that has not ended. ``its_turn``: nothing is before it any more. ``over``: it has ended."""

    task: "asyncio.Task[None]"

    def __init__(
        self,
        content: str,
        created_at: datetime,
        *,
        mode: Mode | UnsetType = UNSET,
        request_id: str = "",
        once: Once | None = None,
        id: str | None = None,
    ) -> None:
        self.id = id or new_key("turn")
        self.content = content
        self.created_at = created_at
        self.wished = mode
        self.mode: Mode = "queue"
        """What it does to others in line; settled when it is accepted."""
        self.request_id = request_id
        self.once = once
        self.started_at: datetime | None = None
        self.attempts = 0
        self.first_step = 0
        self.agent: AgentSpec | None = None
        """As it was when the turn began, if that was known then."""
        self.stored = False
        """Whether message and turn are on the disk."""
        self.pipeline: Pipeline | None = None
        """None until its stages begin."""
        self.its_turn = asyncio.Event()
        self.over = asyncio.Event()
        self.merged_into: OpenTurn | None = None
        self.ends_after_step = False
        self.takers: list[Reply[Accepted]] = []
        """Who wants to know that it is kept."""
        self._askers: list[Reply[ChatMessage]] = []
        """Who waits for the answer."""
        self._goes_on = once is not None or id is not None
        """Whether it goes on when nobody waits for it."""
        self._why: TurnEnd | None = None
        self._begun = self._ending = False

    # -- who waits for it

    def answer_to(self, reply: Reply[ChatMessage]) -> None:
        self._askers.append(reply)
        loop = asyncio.get_running_loop()

        def gone(settled: Reply[ChatMessage]) -> None:
            if settled.cancelled():
                loop.call_soon_threadsafe(self._left_by, reply)

        reply.add_done_callback(gone)

    def _left_by(self, reply: Reply[ChatMessage]) -> None:
        if self.merged_into is not None:
            self.merged_into._left_by(reply)
        elif reply in self._askers:
            self._askers.remove(reply)
            self._goes_on = self._goes_on or (self.pipeline is not None and self.pipeline.is_parked)
            if not self._askers and not self._goes_on:
                self.cancel("client_gone")

    def hand_over(self, other: "OpenTurn") -> None:
        """Whoever waits for this one waits for the other from here on."""
        self.merged_into = other
        other._askers += self._askers
        other._goes_on = other._goes_on or self._goes_on
        self._askers = []
        self.accepted(Accepted(other.id, repeated=not self.stored))

    def accepted(self, how: Accepted) -> None:
        for taker in self.takers:
            taker.settle(how, None)

    def settle(self, answer: ChatMessage | None, error: BaseException | None) -> None:
        for asker in self._askers:
            asker.settle(answer, error)
        for taker in self.takers:
            taker.settle(None, error or ClawftError("the message was not accepted"))

    # -- its end

    def begin(self) -> None:
        """The first step of its task. Raises ``CancelledError`` when it was cancelled before that."""
        self._begun = True
        self.go_on()

    def go_on(self) -> None:
        """Raises ``CancelledError`` when it was cancelled."""
        if self._why is not None:
            raise asyncio.CancelledError

    @property
    def is_ending(self) -> bool:
        return self._ending or self._why is not None

    def cancel(self, why: TurnEnd) -> None:
        """End it now, unless it is ending already. The first reason given stands."""
        if self.is_ending:
            return
        self._why = why
        if self._begun:  # else its task would be thrown away without a step, and nobody told
            self.task.cancel()

    def hold(self, held: bool) -> None:
        """While it is held it cannot be cancelled: it is becoming a part of another."""
        self._ending = held

    def cancelled(self) -> Ending:
        """Its end, after its task was cancelled: by ``cancel`` or with the whole actor."""
        why = self._why or "host_stopped"
        error = Conflict if why == "agent_stopped" else Cancelled
        return Ending(why, error(_WORDS[why]))

    def begins(self, at: datetime, agent: AgentSpec | None = None) -> None:
        self.started_at = at
        self.attempts += 1
        self.agent = agent

    # -- what is kept of it

    @property
    def is_running(self) -> bool:
        return self.started_at is not None

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.pipeline.progress.story.steps if self.pipeline else ()

    def record(self, session: SessionRecord) -> Turn:
        """As it is while it is open."""
        return Turn(
            id=self.id,
            session_key=session.key,
            agent_id=session.agent_id,
            state="running" if self.started_at else "queued",
            created_at=self.created_at,
            started_at=self.started_at or UNSET,
            mode=self.mode,
            request_id=self.request_id or UNSET,
            attempts=self.attempts,
        )

    def ended(self, session: SessionRecord, ending: Ending, at: datetime) -> EndedTurn:
        """All it leaves behind. From here on it is not cancelled any more."""
        self._ending = True
        progress = self.pipeline.progress if self.pipeline else None
        if progress is not None:
            progress.close(ending.end, ending.words)
        turn = self._ended_record(session, ending, at)
        left = progress.story.unkept() if progress else TurnLeft()
        return EndedTurn(
            turn=turn,
            run=self._run(turn, at),
            calls=left.calls,
            message=self._message(ending.end, at),
            steps=left.steps,
        )

    def _ended_record(self, session: SessionRecord, ending: Ending, at: datetime) -> Turn:
        progress = self.pipeline.progress if self.pipeline else None
        route = progress.route if progress else None
        return msgspec.structs.replace(
            self.record(session),
            state=state_after(ending.end),
            ended_at=at,
            reason=ending.end,
            error=str(ending.error) if ending.error else UNSET,
            model=route.model if route else UNSET,
            tier=route.tier if route else UNSET,
            complexity=_known(progress.complexity if progress else None, self.content),
            usage=progress.usage if progress else UNSET,
        )

    def _run(self, turn: Turn, at: datetime) -> PipelineRun:
        return PipelineRun(
            id=new_key("run"),
            session_key=turn.session_key,
            model="" if turn.model is UNSET else turn.model,
            complexity=0.0 if turn.complexity is UNSET else turn.complexity,
            latency_ms=self.pipeline.latency_ms if self.pipeline else 0,
            status="success" if turn.state == "done" else "error",
            timestamp=at,
        )

    def _message(self, end: TurnEnd, at: datetime) -> ChatMessage | None:
        """What the assistant said and did; None when that is nothing."""
        progress = self.pipeline.progress if self.pipeline else None
        if progress is None or (end != "answered" and not progress.chunks.text and not progress.tool_calls):
            return None
        return ChatMessage("assistant", progress.chunks.text, at, tuple(progress.tool_calls))


def _known(measured: float | None, content: str) -> float:
    return complexity(content) if measured is None else measured
