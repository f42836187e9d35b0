"""The shapes of the API reference, and whether a value has one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

Shape = Any
"""A type, a set of words, a list of one shape, a function that checks, or a dict; ``name?`` may be absent."""


def mismatch(value: Any, shape: Shape, path: str = "$") -> str | None:
    """Where and how ``value`` differs from ``shape``; None: it does not."""
    if isinstance(shape, dict):
        return mismatch_of_object(value, shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is {value!r}, not a list"
        return next(
            (wrong for i, v in enumerate(value) if (wrong := mismatch(v, shape[0], f"{path}[{i}]"))), None
        )
    if isinstance(shape, set):
        return None if value in shape else f"{path} is {value!r}, not one of {sorted(shape)}"
    if isinstance(shape, type):
        fits = type(value) is shape or (shape is float and type(value) is int)
        return None if fits else f"{path} is {value!r}, not {shape.__name__}"
    return None if shape(value) else f"{path} is {value!r}"


def mismatch_of_object(value: Any, shape: dict[str, Shape], path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path} is {value!r}, not an object"
    known = {name.rstrip("?"): inner for name, inner in shape.items()}
    required = {name for name in shape if not name.endswith("?")}
    if missing := required - value.keys():
        return f"{path} has no {missing}"
    if unknown := value.keys() - known.keys():
        return f"{path} has {unknown}, which the reference does not know"
    return next((wrong for k, v in value.items() if (wrong := mismatch(v, known[k], f"{path}.{k}"))), None)


def time(value: Any) -> bool:
    """ISO 8601, UTC, with a Z."""
    return isinstance(value, str) and value.endswith("Z") and datetime.fromisoformat(value) is not None


def fraction(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def starts(prefix: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.startswith(prefix)


OK = {"ok": lambda value: value is True}
SUCCESS = {"success": lambda value: value is True}
TOKEN = {"token": starts("clawft_")}

AGENT_SUMMARY = {
    "id": str,
    "name": str,
    "status": {"running", "stopped", "error"},
    "model": str,
    "created_at": time,
}
AGENT_DETAIL = AGENT_SUMMARY | {
    "config": dict,
    "session_count": int,
    "description": str,
    "skills": [str],
    "tools?": [str],
    "error?": str,
}
TOOL_CALL = {"id": str, "name": str, "arguments": str, "result?": str}
CHAT_MESSAGE = {
    "role": {"user", "assistant", "system", "tool"},
    "content": str,
    "timestamp": time,
    "tool_calls?": [TOOL_CALL],
}
SESSION_SUMMARY = {"key": str, "agent_id": str, "message_count": int, "updated_at": time}
SESSION_DETAIL = SESSION_SUMMARY | {"messages": [CHAT_MESSAGE]}
SESSION_EXPORT = {"messages": [CHAT_MESSAGE]}
TOOL_INFO = {"name": str, "description": str, "schema?": dict}
SKILL = {
    "name": str,
    "version": str,
    "description": str,
    "author": str,
    "tags": [str],
    "installed": bool,
    "enabled": bool,
}
REGISTRY_SKILL = {
    "id": str,
    "name": str,
    "description": str,
    "version": str,
    "author": str,
    "stars": int,
    "tags": [str],
    "signed": bool,
}
MEMORY = {"key": str, "value": str, "namespace": str, "tags": [str], "updated_at": time}
MEMORY_FOUND = MEMORY | {"similarity": fraction}
CRON_JOB = {
    "id": str,
    "name": str,
    "schedule": str,
    "enabled": bool,
    "status": {"idle", "running", "failed"},
    "timezone": str,
    "last_run?": time,
    "next_run?": time,
    "payload?": str,
    "policy": {
        "missed": {"skip", "latest", "all"},
        "catch_up": int,
        "grace": int,
        "interrupted": {"skip", "retry"},
        "overlap": {"skip", "queue", "replace"},
        "jitter": int,
        "time_limit?": float,
        "cost_limit_usd?": float,
    },
    "failures": int,
}
CHANNEL = {
    "name": str,
    "type": str,
    "status": {"connected", "disconnected", "error"},
    "message_count": int,
    "last_activity?": time,
    "routes_to?": str,
}
RULE = {
    "name": str,
    "pattern": str,
    "target": str,
    "complexity_threshold": fraction,
    "enabled": bool,
    "priority": int,
}
DELEGATION_STATUS = {"pending", "running", "completed", "failed"}
ACTIVE_DELEGATION = {
    "task_id": str,
    "session_key": str,
    "target": str,
    "status": DELEGATION_STATUS,
    "started_at": time,
    "latency_ms": int,
    "tool_name": str,
    "complexity": fraction,
}
DELEGATION_ENTRY = {
    "task_id": str,
    "session_key": str,
    "target": str,
    "tool_name": str,
    "status": DELEGATION_STATUS,
    "started_at": time,
    "completed_at?": time,
    "latency_ms?": int,
    "complexity": fraction,
}
HISTORY = {"items": [DELEGATION_ENTRY], "total": int, "limit": int, "offset": int}
TOKEN_USAGE = {
    "total_input": int,
    "total_output": int,
    "total_requests": int,
    "by_provider": [
        {
            "provider": str,
            "model": str,
            "input_tokens": int,
            "output_tokens": int,
            "total_tokens": int,
            "request_count": int,
        }
    ],
    "by_session": [{"session_key": str, "input_tokens": int, "output_tokens": int, "request_count": int}],
}
COSTS = {
    "total_cost_usd": float,
    "by_provider": [
        {
            "provider": str,
            "model": str,
            "input_cost_usd": float,
            "output_cost_usd": float,
            "total_cost_usd": float,
        }
    ],
    "by_tier": [{"tier": {1, 2, 3}, "label": str, "request_count": int, "total_cost_usd": float}],
}
RUN = {
    "id": str,
    "session_key": str,
    "model": str,
    "complexity": fraction,
    "latency_ms": int,
    "status": {"success", "error"},
    "timestamp": time,
}
VOICE_SETTINGS = {
    "enabled": bool,
    "wakeWordEnabled": bool,
    "language": {"en", "es", "fr", "de", "ja", "zh", "ko"},
    "echoCancel": bool,
    "noiseSuppression": bool,
    "pushToTalk": bool,
}
VOICE_STATUS = {
    "state": {"idle", "listening", "processing", "speaking"},
    "talkModeActive": bool,
    "wakeWordEnabled": bool,
    "settings": VOICE_SETTINGS,
    "available": bool,
    "reason?": str,
    "hint?": str,
}
MIC_TEST = {"success": bool, "level": fraction, "error?": str}
SPEAKER_TEST = {"success": bool, "error?": str}
HEALTH = {
    "status": {"healthy", "degraded"},
    "uptime_seconds": int,
    "memory_usage_mb": int,
    "agent_count": int,
    "session_count": int,
    "tool_count": int,
    "reasons": [str],
    "version": str,
    "dead_letters": int,
    "database_bytes": int,
    "log_bytes": int,
    "safe_mode": bool,
    "starts": int,
}
ERROR = {"error": {"code": str, "message": str}}
