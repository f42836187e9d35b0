"""Tasks: what a run of a cron job does, as its payload says."""

from typing import Any

import msgspec

from clawft.domain.deliveries import Address
from clawft.domain.values import UNSET, Name, UnsetType, Value
from clawft.errors import Invalid

HEARTBEAT = (
    "This is your heartbeat. Look at what is still open in this conversation and do what is due. "
    "If nothing is, say so in one line."
)
"""What a heartbeat says when its payload gives no message."""


def _no_arguments() -> dict[str, Any]:
    return {}


class Task(Value, frozen=True):
    """What a job does: say something to an agent, or call a tool; or only mark the time."""

    message: str = ""
    agent: Name | UnsetType = UNSET
    session: Name | UnsetType = UNSET
    deliver: tuple[Address, ...] = ()
    """Where the answer goes besides the session."""
    tool: str = ""
    arguments: dict[str, Any] = msgspec.field(default_factory=_no_arguments)
    """Of the tool: whatever its schema asks for."""
    heartbeat: bool = False
    """Skipped while nobody has said anything in the session since the last one."""


_SPEAKS = frozenset({"message", "tool", "heartbeat"})
"""Members of which one makes a JSON object a task. Clients put other JSON there and mean it as text."""


def read_payload(payload: str) -> Task:
    """A JSON object with a ``message``, ``tool`` or ``heartbeat`` is a task; other text is its message."""
    try:
        members = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Task(message=payload)
    if not isinstance(members, dict) or not _SPEAKS & members.keys():
        return Task(message=payload)
    try:
        task = msgspec.convert({**members, "deliver": _addresses(members.get("deliver"))}, Task)
    except msgspec.ValidationError as error:
        raise Invalid(f"the payload is wrong: {error}", path="$.payload") from error
    return _sensible(task)


def _addresses(deliver: object) -> list[object]:
    """One address or a list of them, each an object or just the channel's name."""
    if deliver is None:
        return []
    several = deliver if isinstance(deliver, list) else [deliver]
    return [{"channel": one} if isinstance(one, str) else one for one in several]


def _sensible(task: Task) -> Task:
    if any(address.channel == "web" and address.to is UNSET for address in task.deliver):
        raise Invalid("the payload is wrong: to deliver to web, say the session in `to`", path="$.payload")
    if task.tool and task.message:
        raise Invalid(
            "the payload is wrong: it has a message and a tool, and does one of them", path="$.payload"
        )
    if not task.heartbeat:
        return task
    if task.tool or task.session is UNSET:
        raise Invalid("the payload is wrong: a heartbeat names a session and no tool", path="$.payload")
    return msgspec.structs.replace(task, message=task.message or HEARTBEAT)
