"""The pipeline: the six stages every turn goes through, and the run it leaves behind."""

from datetime import datetime
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

Stage = Literal["classifier", "router", "assembler", "transport", "scorer", "learner"]
STAGES: tuple[Stage, ...] = ("classifier", "router", "assembler", "transport", "scorer", "learner")
StageStatus = Literal["active", "completed", "error"]


class StageChange(Value, frozen=True, rename="camel"):
    """A stage of a turn began or ended. The payload of ``pipeline:stage``."""

    task_id: str
    stage: Stage
    status: StageStatus
    duration_ms: float | UnsetType = UNSET


class PipelineRun(Value, frozen=True):
    """What one turn left behind."""

    id: str
    session_key: str
    model: str
    complexity: float
    latency_ms: int
    status: Literal["success", "error"]
    timestamp: datetime
