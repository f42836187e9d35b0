"""What can be asked of delegation."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.delegation import ActiveDelegation, DelegationHistory, DelegationRule
from clawft.domain.values import Success, Value
from clawft.runtime import Ask, Tell


class ListActive(Ask[tuple[ActiveDelegation, ...]], frozen=True):
    """Delegations under way."""


class ListRules(Ask[tuple[DelegationRule, ...]], frozen=True):
    """Every rule, by ascending priority."""


class PutRule(Ask[DelegationRule], frozen=True):
    """Store a rule; the same name replaces what was there. The answer is the stored rule."""

    rule: DelegationRule


class DeleteRule(Ask[Success], frozen=True):
    name: str


class GetHistory(Ask[DelegationHistory], frozen=True):
    """A page of delegations, newest first. ``session`` and ``target`` match substrings."""

    session: str = ""
    target: str = ""
    offset: Annotated[int, Meta(ge=0, le=2**31)] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class Choice(Value, frozen=True):
    """Whom a rule sends a task to, and which rule."""

    target: str
    rule: str


class ChooseTarget(Ask[Choice | None], frozen=True):
    """Who should take this task; None: no rule says."""

    task: str
    complexity: float


class Delegated(Value, frozen=True):
    """What came of a delegation."""

    task_id: str
    status: str
    target: str
    content: str


class Delegate(Ask[Delegated], frozen=True):
    """Have another agent, or another model, do a task in a session of its own; answers when it has ended."""

    session_key: str
    """The session whose turn asks."""
    task: str
    """What is to be done, in words."""
    tool_name: str = "delegate_task"
    """The name the rules' patterns are matched against."""
    target: str | None = None
    """An agent or a model; None: the rules choose."""
    agent_id: str = ""
    """Who asks; also who answers when the target is a model. Empty: the default agent."""
    depth: int = 0
    """How many delegations this one is inside of."""
    request_id: str = ""
    """The request the asking turn works for; the child's turn works for it too."""
    background: bool = False
    """Answer once it has begun. Its end reaches the asking session as a message, also after a restart."""


class StopChildren(Tell, frozen=True):
    """The session was stopped: what it has under way in the background ends, and theirs."""

    session_key: str
