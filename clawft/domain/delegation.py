"""Delegation: work handed to another model or agent, and the rules that choose whom."""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.values import UNSET, Fraction, UnsetType, Value

DelegationStatus = Literal["pending", "running", "completed", "failed"]


MAX_DEPTH = 3
"""How many delegations a task may be inside of."""
MOST_CHILDREN = 8
"""Delegations one session may have under way."""
TIME_LIMIT = 600.0
"""Seconds a delegation may take."""


def ended_message(task_id: str, target: str, status: str, content: str) -> str:
    """What the parent of a task in the background is told of its end."""
    came = "is done" if status == "completed" else "was not done"
    return f"[The task {task_id} that was handed to {target} {came}.]\n{content}"


class ActiveDelegation(Value, frozen=True):
    """A delegation under way; also the payload of ``delegation:update``."""

    task_id: str
    session_key: str
    target: str
    status: DelegationStatus
    started_at: datetime
    latency_ms: int
    tool_name: str
    complexity: float

    def now(self, status: DelegationStatus, at: datetime) -> "ActiveDelegation":
        """This delegation with that status at that moment."""
        return replace(self, status=status, latency_ms=milliseconds(self.started_at, at))


class DelegationHistoryEntry(Value, frozen=True):
    """A delegation, open or ended."""

    task_id: str
    session_key: str
    target: str
    tool_name: str
    status: DelegationStatus
    started_at: datetime
    complexity: float
    completed_at: datetime | UnsetType = UNSET
    latency_ms: int | UnsetType = UNSET


class DelegationHistory(Value, frozen=True):
    """A page of the history, newest first."""

    items: tuple[DelegationHistoryEntry, ...]
    total: int
    limit: int
    offset: int


class DelegationRule(Value, frozen=True):
    """Sends tasks that match ``pattern`` and are at most this complex to ``target``, a model or an agent."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    pattern: Annotated[str, Meta(min_length=1, max_length=1000)]
    """``|``-separated globs on the tool or task name."""
    target: Annotated[str, Meta(min_length=1, max_length=200)]
    complexity_threshold: Fraction = 1.0
    enabled: bool = True
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0

    def matches(self, task: str, complexity: float) -> bool:
        globs = (glob.strip() for glob in self.pattern.split("|"))
        return (
            self.enabled
            and complexity <= self.complexity_threshold
            and any(fnmatchcase(task, glob) for glob in globs if glob)
        )


def milliseconds(since: datetime, until: datetime) -> int:
    """How long it took; 0 when the clock was set back meanwhile."""
    return max(0, round((until - since).total_seconds() * 1000))


def choose(rules: tuple[DelegationRule, ...], task: str, complexity: float) -> DelegationRule | None:
    """The first rule, by ascending priority and then name, that matches; None: the tier decides."""
    for rule in sorted(rules, key=lambda rule: (rule.priority, rule.name)):
        if rule.matches(task, complexity):
            return rule
    return None
