"""Topics: which there are, and what one event looks like on each of its topics."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache, singledispatch
from typing import Any

import msgspec

from clawft.domain import events, voice
from clawft.domain.canvas import CanvasCommand
from clawft.domain.values import Value
from clawft.errors import Invalid

CANVAS = "canvas"
CANVAS_UPDATE = "canvas:update"

NUMBERED = frozenset(
    {
        "agent:status",
        "chat:message",
        CANVAS_UPDATE,
        "pipeline:stage",
        "delegation:update",
        "cron:run",
        "cron:alert",
        "outbox:update",
        "approval:update",
        "budget:update",
        "tool:call",
        "voice:state",
        "voice:transcript",
        "voice:wake",
        "voice:barge_in",
        "voice:device",
        "voice:error",
        "actor:event",
    }
)
"""Topics of event frames with a growing ``seq``; so is ``sessions:<key>``."""

UNNUMBERED = frozenset({CANVAS, "channels", "voice:status", "voice:level"})
"""Topics whose frames carry no number; so are ``session:<key>`` and ``stream:<key>``."""

REPLAY_BYTES = 512 * 1024
"""The most of a topic that is told again at once."""

_OF_A_SESSION = re.compile(r"(sessions|session|stream):[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def check(topic: str) -> str:
    """The topic itself, or ``Invalid`` when there is no such topic."""
    if topic in NUMBERED or topic in UNNUMBERED or _OF_A_SESSION.fullmatch(topic):
        return topic
    raise Invalid(f"there is no topic {topic[:128]!r}", path="$.topic")


def is_numbered(topic: str) -> bool:
    """Whether frames of this topic carry ``seq``, are kept, and can be asked for again."""
    return topic in NUMBERED or topic.startswith("sessions:")


def messages_of(session_key: str) -> str:
    """Messages of one session, in event frames."""
    return f"sessions:{session_key}"


def chunks_of(session_key: str) -> str:
    """Pieces of a session's answers, as bare ``stream_chunk`` and ``stream_done`` frames."""
    return f"session:{session_key}"


def stream_of(session_key: str) -> str:
    """The same pieces in event frames, for ``/ws/chat/:session`` and server-sent events."""
    return f"stream:{session_key}"


class Draft(Value, frozen=True):
    """A frame without a number yet. ``wrapped``: ``data`` goes into an event frame, else it is the frame."""

    topic: str
    data: Any
    wrapped: bool = True
    newest_wins: bool = False


def encode(draft: Draft, at: datetime, seq: int | None = None) -> events.Frame:
    """The finished frame; its JSON is made here, once, for every reader."""
    whole = draft.data
    if draft.wrapped:
        whole = {"type": "event", "topic": draft.topic, "data": draft.data}
        if seq is not None:
            whole["seq"] = seq
        whole["timestamp"] = at
    return events.Frame(draft.topic, msgspec.json.encode(whole), seq, draft.newest_wins)


def gap(topic: str, first: int, last: int) -> events.Frame:
    """Says that the numbers ``first`` to ``last`` are no longer kept."""
    whole = {"type": "gap", "topic": topic, "from": first, "to": last}
    return events.Frame(topic, msgspec.json.encode(whole))


def is_gap(frame: events.Frame) -> bool:
    return frame.body.startswith(b'{"type":"gap",')


def replay(topic: str, since: int, last: int, kept: Sequence[events.Frame]) -> tuple[events.Frame, ...]:
    """What a reader who has heard ``since`` must hear to have heard ``last``, of what is still kept.

    Numbers that are not, and the older ones where it would be too much at once, become gaps.
    """
    frames, expected = [], since + 1
    for frame in _newest([frame for frame in kept if since < (frame.seq or 0) <= last]):
        seq = frame.seq or 0
        if seq > expected:
            frames.append(gap(topic, expected, seq - 1))
        frames.append(frame)
        expected = seq + 1
    if expected <= last:
        frames.append(gap(topic, expected, last))
    if since > last:
        frames.append(gap(topic, last + 1, since))
    return tuple(frames)


def _newest(frames: Sequence[events.Frame]) -> list[events.Frame]:
    room, start = REPLAY_BYTES, len(frames)
    while start and (room := room - len(frames[start - 1].body)) >= 0:
        start -= 1
    return list(frames[start:])


def canvas_drafts(command: CanvasCommand, topic: str) -> tuple[Draft, ...]:
    """A canvas command as one of the canvas topics shows it: ``canvas`` takes batches apart."""
    if topic == CANVAS_UPDATE:
        return (Draft(CANVAS_UPDATE, command),)
    if command.command == "batch":
        inner = command.commands or ()
        return tuple(draft for one in inner for draft in canvas_drafts(one, topic))
    return (Draft(CANVAS, {"type": "canvas_command", "topic": CANVAS, **_members(command)}, wrapped=False),)


@singledispatch
def drafts(event: events.Event) -> tuple[Draft, ...]:
    """Every frame of an event, one a topic it is seen on."""
    raise TypeError(f"no topic shows a {type(event).__name__}")


@drafts.register
def _(event: events.AgentStatusChanged) -> tuple[Draft, ...]:
    return (Draft("agent:status", {"agentId": event.agent_id, "status": event.status}),)


@drafts.register
def _(event: events.MessageAdded) -> tuple[Draft, ...]:
    message = _members(event.message)
    return (
        Draft("chat:message", {**message, "session_key": event.session_key}),
        Draft(messages_of(event.session_key), {"type": "message", **message}),
    )


@drafts.register
def _(event: events.ChunkAdded) -> tuple[Draft, ...]:
    return _both_streams(event.session_key, {"type": "stream_chunk", "content": event.content})


@drafts.register
def _(event: events.StreamDone) -> tuple[Draft, ...]:
    return _both_streams(event.session_key, {"type": "stream_done"})


@drafts.register
def _(event: events.CanvasChanged) -> tuple[Draft, ...]:
    return canvas_drafts(event.command, CANVAS_UPDATE) + canvas_drafts(event.command, CANVAS)


@drafts.register
def _(event: events.StageChanged) -> tuple[Draft, ...]:
    return (Draft("pipeline:stage", event.change),)


@drafts.register
def _(event: events.DelegationChanged) -> tuple[Draft, ...]:
    return (Draft("delegation:update", event.delegation),)


@drafts.register
def _(event: events.ChannelChanged) -> tuple[Draft, ...]:
    channel = event.channel
    shown = {name: getattr(channel, name) for name in ("name", "status", "message_count", "last_activity")}
    return (Draft("channels", {"type": "channel_status", **_present(shown)}, wrapped=False),)


@drafts.register
def _(event: events.VoiceChanged) -> tuple[Draft, ...]:
    change = {"type": "voice:status", **_members(event.change)}
    return (Draft("voice:status", change, wrapped=False, newest_wins=True),)


_OF_NEWS: dict[type, str] = {
    voice.VoiceStateChange: "voice:state",
    voice.VoiceLevel: "voice:level",
    voice.Transcript: "voice:transcript",
    voice.Wake: "voice:wake",
    voice.BargeIn: "voice:barge_in",
    voice.DeviceNews: "voice:device",
    voice.VoiceTrouble: "voice:error",
}


@drafts.register
def _(event: events.VoiceHappened) -> tuple[Draft, ...]:
    topic = _OF_NEWS[type(event.news)]
    return (Draft(topic, event.news, newest_wins=topic == "voice:level"),)


@drafts.register
def _(event: events.CronRan) -> tuple[Draft, ...]:
    return (Draft("cron:run", event),)


@drafts.register
def _(event: events.CronAlert) -> tuple[Draft, ...]:
    return (Draft("cron:alert", event),)


@drafts.register
def _(event: events.DeliveryChanged) -> tuple[Draft, ...]:
    return (Draft("outbox:update", event),)


@drafts.register
def _(event: events.ApprovalChanged) -> tuple[Draft, ...]:
    return (Draft("approval:update", event.approval),)


@drafts.register
def _(event: events.BudgetChanged) -> tuple[Draft, ...]:
    return (Draft("budget:update", event.budget),)


@drafts.register
def _(event: events.ToolCalled) -> tuple[Draft, ...]:
    return (Draft("tool:call", event),)


@drafts.register
def _(event: events.ActorHappened) -> tuple[Draft, ...]:
    return (Draft("actor:event", event),)


def _both_streams(session_key: str, piece: dict[str, Any]) -> tuple[Draft, ...]:
    return Draft(chunks_of(session_key), piece, wrapped=False), Draft(stream_of(session_key), piece)


def _members(value: Value) -> dict[str, Any]:
    """What a value's JSON object holds, under the names it has there."""
    return _present({name: getattr(value, field) for name, field in _names(type(value))})


@cache
def _names(kind: type[Value]) -> tuple[tuple[str, str], ...]:
    """Each member's name in JSON and here. Msgspec looks them up anew each time, for 70 us."""
    return tuple((field.encode_name, field.name) for field in msgspec.structs.fields(kind))


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not msgspec.UNSET}
