"""What can be asked of sessions."""

from typing import Annotated, Literal

from msgspec import Meta

from clawft.domain.sessions import ChatMessage, Mode, SessionDetail, SessionExport, SessionSummary
from clawft.domain.steps import Excerpt, Length, Offset, Step, StepKind
from clawft.domain.turns import Turn, TurnEnd, TurnStory
from clawft.domain.values import MAX_CONTENT, UNSET, Ok, UnsetType, Value
from clawft.runtime import Ask, Tell

Content = Annotated[str, Meta(min_length=1, max_length=MAX_CONTENT)]


RequestId = Annotated[str, Meta(max_length=64)]
"""Names the request that everything is done for, from here through tools to children; empty: nobody's."""
OnceKey = Annotated[str, Meta(max_length=200)]
"""Sent twice in a session, it is one message; empty: every message is a new one."""


class ListSessions(Ask[tuple[SessionSummary, ...]], frozen=True):
    """Every session, most recently used first."""


class GetSession(Ask[SessionDetail], frozen=True):
    """One session with all its messages."""

    key: str


class ExportSession(Ask[SessionExport], frozen=True):
    """Every message of a session, oldest first."""

    key: str


class CreateSession(Ask[SessionSummary], frozen=True):
    """A new, empty session with an agent."""

    agent_id: Annotated[str, Meta(min_length=1, max_length=128)]
    mode: Mode | UnsetType = UNSET
    """For messages that come while a turn runs and name none; left out: as the agent says, or ``queue``."""


class OpenSession(Ask[SessionSummary], frozen=True):
    """The session with this key, made if it is not there yet; one that is there is left as it is.

    For actors that hold conversations of their own (a cron job, a delegation). No route asks it.
    """

    key: str
    agent_id: str
    """Who answers in it; refused with not_found when nobody has this id."""
    model: str = ""
    """Used in this session instead of the agent's own model; empty: the agent's."""
    parent_key: str = ""
    """The session whose turn delegated this one."""
    depth: int = 0
    """How many delegations it is inside of; its turns say so in ``CallTool.depth``."""


class Shed(Tell, frozen=True):
    """Memory is short: put sessions without work away now (``idle``), refuse new work (``work``)."""

    idle: bool
    work: bool


class Recount(Tell, frozen=True):
    """Sessions were deleted behind the back of the one who counts them."""


class CountSessions(Ask[int], frozen=True):
    """How many sessions there are. Answered from memory."""


class DeleteSession(Ask[Ok], frozen=True):
    """Stop the session's work at once and forget it."""

    key: str


class SendMessage(Ask[ChatMessage], frozen=True):
    """Say something in a session. The answer is the assistant's reply.

    With ``idempotency_key`` the message is taken once however often it is sent, every sender is given the one
    answer, and the work goes on when they leave.
    """

    key: str
    content: Content
    mode: Mode | UnsetType = UNSET
    """What becomes of it while a turn runs; left out: as the session, or else its agent, says."""
    idempotency_key: OnceKey = ""
    request_id: RequestId = ""


class Accepted(Value, frozen=True):
    """A message is on the disk and will be answered by this turn."""

    turn_id: str
    repeated: bool = False
    """It had been put before; nothing was done now."""


class PutMessage(Ask[Accepted], frozen=True):
    """From inside the host: say something in a session, once, without waiting for the answer.

    For what happens without anybody asking: the end of a child, a run of a job. Answered when it is kept; the
    same ``once`` is taken once, also after a restart. No route asks it.
    """

    key: str
    content: Content
    once: OnceKey
    mode: Mode | UnsetType = UNSET
    request_id: RequestId = ""


class Halted(Value, frozen=True):
    """A step that was under way when its turn was stopped."""

    turn_id: str
    kind: StepKind
    name: str
    call_id: str | UnsetType = UNSET


class Stopped(Value, frozen=True):
    """What a stop stopped."""

    ok: bool = True
    stopped: tuple[str, ...] = ()
    """Ids of the turns that were running or waiting."""
    stopping: tuple[str, ...] = ()
    """Ids of the turns that end after the step they are in."""
    halted: tuple[Halted, ...] = ()
    """The calls to models and tools that were cut off."""


class StopSession(Ask[Stopped], frozen=True):
    """Cancel the running turn and what waits behind it. The session lives on.

    ``after_step`` lets the running turn end the step it is in, and is answered before that.
    """

    key: str
    mode: Literal["now", "after_step"] = "now"


class ListTurns(Ask[tuple[Turn, ...]], frozen=True):
    """The turns of a session, open ones first, then newest first."""

    key: str


class GetTurn(Ask[TurnStory], frozen=True):
    """The whole story of a turn: what was said, and every step with its times, tokens, cost and result."""

    key: str
    id: str


class ReadResult(Ask[Excerpt], frozen=True):
    """A part of the whole result of a tool call, of which a story and the model see the head and the tail."""

    key: str
    call_id: str
    offset: Offset = 0
    limit: Length = 16_000


class OpenLine(Value, frozen=True):
    """A turn in the line of a session that is at work."""

    turn_id: str
    running: bool
    steps: tuple[Step, ...] = ()


class GetLine(Ask[tuple[OpenLine, ...]], frozen=True):
    """To one session: its open turns as they are now, in order."""


class TakeAgain(Ask[None], frozen=True):
    """To one session: a turn that the last host left open begins again. Answered when it is in line."""

    turn: Turn


class AmendAnswer(Ask[Ok], frozen=True):
    """From inside the host: the latest answer was not heard whole, and this is how it is kept. No route asks
    it."""

    key: str
    content: Content


class EndTurns(Ask[Stopped], frozen=True):
    """To one session: its turns end now, and this is why. Answers when they have ended."""

    why: TurnEnd


class CloseSessions(Ask[None], frozen=True):
    """The host shuts down: no message is taken any more and every turn ends. Answers when all have ended."""


class StopAgentTurns(Tell, frozen=True):
    """The agent has stopped: its turns end now."""

    agent_id: str
