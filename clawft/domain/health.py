"""Health: how the host is, in one row."""

from typing import Literal

from clawft.domain.values import Value


class Health(Value, frozen=True):
    """The answer to GET /api/health. ``reasons`` says why it is not healthy."""

    status: Literal["healthy", "degraded"]
    uptime_seconds: int
    memory_usage_mb: int
    agent_count: int
    session_count: int
    tool_count: int
    reasons: tuple[str, ...] = ()
    version: str = ""
    dead_letters: int = 0
    database_bytes: int = 0
    """With its log."""
    log_bytes: int = 0
    """Of the write-ahead log alone."""
    safe_mode: bool = False
    starts: int = 0
    """How many are remembered, this one included."""
