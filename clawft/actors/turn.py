"""An open turn: from the moment its message comes in until it has left behind what it leaves behind."""

import asyncio
from datetime import datetime

from clawft.actors.new_key import new_key
from clawft.actors.pipeline import Ending, Pipeline
from clawft.domain.complexity import complexity
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage, SessionRecord
from clawft.domain.turns import EndedTurn, Turn, TurnEnd, state_after
from clawft.domain.values import UNSET
from clawft.errors import Cancelled, Conflict
from clawft.runtime import Reply

_WORDS: dict[TurnEnd, str] = {
    "stopped": "the turn was stopped",
    "client_gone": "nobody waited for the answer any more",
    "session_deleted": "the session was deleted",
    "agent_stopped": "the agent was stopped",
    "host_stopped": "the host was shut down",
}


class OpenTurn:
    """A turn that has not ended. ``its_turn``: nothing is before it any more. ``over``: it has ended."""

    reply: Reply[ChatMessage]
    """What whoever asked waits for."""
    task: "asyncio.Task[None]"

    def __init__(self, content: str, created_at: datetime) -> None:
        self.id = new_key("turn")
        self.content = content
        self.created_at = created_at
        self.started_at: datetime | None = None
        self.stored = False
        """Whether message and turn are on the disk."""
        self.pipeline: Pipeline | None = None
        """None until its stages begin."""
        self.its_turn = asyncio.Event()
        self.over = asyncio.Event()
        self._why: TurnEnd | None = None
        self._begun = self._ending = False

    def begin(self) -> None:
        """The first step of its task. Raises ``CancelledError`` when it was cancelled before that."""
        self._begun = True
        self.go_on()

    def go_on(self) -> None:
        """Raises ``CancelledError`` when it was cancelled."""
        if self._why is not None:
            raise asyncio.CancelledError

    def cancel(self, why: TurnEnd) -> None:
        """End it now, unless it is ending already. The first reason given stands."""
        if self._ending or self._why is not None:
            return
        self._why = why
        if self._begun:  # else its task would be thrown away without a step, and nobody told
            self.task.cancel()

    def cancelled(self) -> Ending:
        """Its end, after its task was cancelled: by ``cancel``, by whoever asked, or with the whole actor."""
        why = self._why or ("client_gone" if self.reply.cancelled() else "host_stopped")
        error = Conflict if why == "agent_stopped" else Cancelled
        return Ending(why, error(_WORDS[why]))

    def record(self, session: SessionRecord) -> Turn:
        """As it is while it waits."""
        return Turn(self.id, session.key, session.agent_id, "queued", self.created_at)

    def ended(self, session: SessionRecord, ending: Ending, at: datetime) -> EndedTurn:
        """All it leaves behind. From here on it is not cancelled any more."""
        self._ending = True
        progress = self.pipeline.progress if self.pipeline else None
        if progress is not None:
            progress.close(ending.end)
        route = progress.route if progress else None
        turn = Turn(
            id=self.id,
            session_key=session.key,
            agent_id=session.agent_id,
            state=state_after(ending.end),
            created_at=self.created_at,
            started_at=self.started_at or UNSET,
            ended_at=at,
            reason=ending.end,
            error=str(ending.error) if ending.error else UNSET,
            model=route.model if route else UNSET,
            tier=route.tier if route else UNSET,
            complexity=complexity(self.content),
            usage=progress.usage if progress else UNSET,
        )
        return EndedTurn(
            turn=turn,
            run=self._run(turn, at),
            calls=tuple(progress.model_calls) if progress else (),
            message=self._message(ending.end, at),
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
