"""What can be asked of the approvals."""

from typing import Annotated, Literal

from msgspec import Meta

from clawft.domain.approvals import Approval, ApprovalState
from clawft.domain.tokens import Caller
from clawft.runtime import Ask


class ListApprovals(Ask[tuple[Approval, ...]], frozen=True):
    """Calls that wait for a person, or did; newest first."""

    state: ApprovalState | None = None
    session: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class GetApproval(Ask[Approval], frozen=True):
    id: str


class Decide(Ask[Approval], frozen=True):
    """Say whether the call may be made, once. ``Conflict`` when that is settled already."""

    id: str
    decision: Literal["approve", "deny"]
    caller: Caller
    note: Annotated[str, Meta(max_length=1000)] = ""


class AskApproval(Ask[Approval], frozen=True):
    """Keep this and wait until a person has decided, or it has expired. No route asks it.

    Giving up on the answer makes it void.
    """

    approval: Approval


class IsTainted(Ask[bool], frozen=True):
    """Whether a session, or one it was delegated from or to, has read words of somebody outside."""

    session_key: str
