"""Events: facts that happened, as values. Who publishes one owns the fact."""

from datetime import datetime
from typing import Any

from clawft.domain.agents import AgentStatus
from clawft.domain.approvals import Approval
from clawft.domain.budgets import BudgetState
from clawft.domain.canvas import CanvasCommand
from clawft.domain.channels import ChannelStatus
from clawft.domain.delegation import ActiveDelegation
from clawft.domain.deliveries import DeliveryState
from clawft.domain.pipeline import StageChange
from clawft.domain.sessions import ChatMessage
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.domain.voice import VoiceNews, VoiceStatusChange


class AgentStatusChanged(Value, frozen=True):
    agent_id: str
    status: AgentStatus


class MessageAdded(Value, frozen=True):
    """A message was stored. Published after its commit."""

    session_key: str
    message: ChatMessage


class ChunkAdded(Value, frozen=True):
    """A piece of an answer, as it is made. Not stored: the whole message follows."""

    session_key: str
    content: str


class StreamDone(Value, frozen=True):
    """The answer has ended, well or not. Always follows the last chunk."""

    session_key: str


class CanvasChanged(Value, frozen=True):
    command: CanvasCommand


class StageChanged(Value, frozen=True):
    change: StageChange


class DelegationChanged(Value, frozen=True):
    delegation: ActiveDelegation


class ChannelChanged(Value, frozen=True):
    channel: ChannelStatus


class VoiceChanged(Value, frozen=True):
    change: VoiceStatusChange


class VoiceHappened(Value, frozen=True):
    """Something at the voice device; each kind of news has its topic."""

    news: VoiceNews


class CronRan(Value, frozen=True):
    """A run of a job began or ended."""

    job_id: str
    name: str
    status: str
    scheduled_for: datetime
    detail: str | UnsetType = UNSET


class CronAlert(Value, frozen=True):
    """A job fails again and again, or was disabled for it. Somebody should look."""

    job_id: str
    name: str
    failures: int
    disabled: bool
    detail: str


class DeliveryChanged(Value, frozen=True):
    """A row of the outbox has another state. Its content is in the outbox only."""

    id: str
    channel: str
    state: DeliveryState
    attempts: int
    detail: str | UnsetType = UNSET


class ApprovalChanged(Value, frozen=True):
    """A call waits for a person, or no longer does."""

    approval: Approval


class BudgetChanged(Value, frozen=True):
    """A limit is nearly spent, is spent, or was resumed."""

    budget: BudgetState


class ToolCalled(Value, frozen=True):
    """A registered tool is to be run by whoever registered it, who answers with the same ``id``."""

    id: str
    name: str
    arguments: dict[str, Any]
    session_key: str


class ActorHappened(Value, frozen=True):
    """Something in an actor's life: started, stopped, failed, restarted, dead_letter."""

    kind: str
    path: str
    detail: str = ""


Event = (
    AgentStatusChanged
    | MessageAdded
    | ChunkAdded
    | StreamDone
    | CanvasChanged
    | StageChanged
    | DelegationChanged
    | ChannelChanged
    | VoiceChanged
    | VoiceHappened
    | CronRan
    | CronAlert
    | DeliveryChanged
    | ApprovalChanged
    | BudgetChanged
    | ToolCalled
    | ActorHappened
)


class Frame(Value, frozen=True):
    """One event on one topic. ``body`` is the finished JSON of the frame, encoded once."""

    topic: str
    body: bytes
    seq: int | None = None
    """None on topics whose frames carry no number."""
    newest_wins: bool = False
    """A state, not a message: a slow reader may be given only the latest."""
