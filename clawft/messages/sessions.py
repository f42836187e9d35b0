"""What can be asked of sessions."""

from typing import Annotated, Literal

from msgspec import Meta

from clawft.domain.sessions import ChatMessage, SessionDetail, SessionExport, SessionSummary
from clawft.domain.turns import Turn, TurnEnd
from clawft.domain.values import MAX_CONTENT, Ok, Value
from clawft.runtime import Ask, Tell

Content = Annotated[str, Meta(min_length=1, max_length=MAX_CONTENT)]


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


class CountSessions(Ask[int], frozen=True):
    """How many sessions there are. Answered from memory."""


class DeleteSession(Ask[Ok], frozen=True):
    """Stop the session's work at once and forget it."""

    key: str


class SendMessage(Ask[ChatMessage], frozen=True):
    """Say something in a session. The answer is the assistant's reply."""

    key: str
    content: Content


class Stopped(Value, frozen=True):
    """What a stop stopped."""

    ok: bool = True
    stopped: tuple[str, ...] = ()
    """Ids of the turns that were running or waiting."""


class StopSession(Ask[Stopped], frozen=True):
    """Cancel the running turn and what waits behind it. The session lives on."""

    key: str
    mode: Literal["now"] = "now"


class ListTurns(Ask[tuple[Turn, ...]], frozen=True):
    """The turns of a session, open ones first, then newest first."""

    key: str


class EndTurns(Ask[Stopped], frozen=True):
    """To one session: its turns end now, and this is why. Answers when they have ended."""

    why: TurnEnd


class CloseSessions(Ask[None], frozen=True):
    """The host shuts down: no message is taken any more and every turn ends. Answers when all have ended."""


class StopAgentTurns(Tell, frozen=True):
    """The agent has stopped: its turns end now."""

    agent_id: str
