"""Topics: the grammar, the shapes of the contract, and what is told again."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest

from clawft.domain import events, topics, voice
from clawft.domain.approvals import Approval
from clawft.domain.budgets import BudgetState
from clawft.domain.canvas import CanvasCommand
from clawft.domain.channels import ChannelStatus
from clawft.domain.delegation import ActiveDelegation
from clawft.domain.events import Frame
from clawft.domain.pipeline import StageChange
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.voice import VoiceStatusChange
from clawft.errors import Invalid

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
STAMP = "2026-02-24T10:30:00Z"
CALL = ToolCallInfo("t1", "read_file", "{}", "text")
MESSAGE = ChatMessage("assistant", "Hi!", AT, (CALL,))
SHOWN = {
    "role": "assistant",
    "content": "Hi!",
    "timestamp": STAMP,
    "tool_calls": [{"id": "t1", "name": "read_file", "arguments": "{}", "result": "text"}],
}
RENDER = CanvasCommand("render", id="a", element={"type": "text", "content": "x"}, position=0)
APPROVAL = Approval(
    "appr-1", "sess-1", "a", "turn-1", "call-1", "cron", "{}", "its policy is ask", "open", AT, AT
)
BUDGET = BudgetState("day", "", 0.0, 9, 0.0, 0, 0.9, "warning", tokens=10)
DELEGATION = ActiveDelegation("del-1", "sess-1", "coder", "running", AT, 5, "delegate_task", 0.5)
CASES: list[tuple[Any, dict[str, Any]]] = [
    (events.AgentStatusChanged("a", "error"), {"agent:status": {"agentId": "a", "status": "error"}}),
    (
        events.MessageAdded("sess-1", MESSAGE),
        {
            "chat:message": {**SHOWN, "session_key": "sess-1"},
            "sessions:sess-1": {"type": "message", **SHOWN},
        },
    ),
    (
        events.ChunkAdded("sess-1", "x"),
        {
            "session:sess-1": {"type": "stream_chunk", "content": "x"},
            "stream:sess-1": {"type": "stream_chunk", "content": "x"},
        },
    ),
    (
        events.StreamDone("sess-1"),
        {"session:sess-1": {"type": "stream_done"}, "stream:sess-1": {"type": "stream_done"}},
    ),
    (
        events.CanvasChanged(RENDER),
        {
            "canvas:update": json.loads(
                b'{"command":"render","id":"a","element":{"type":"text","content":"x"},"position":0}'
            ),
            "canvas": {
                "type": "canvas_command",
                "topic": "canvas",
                "command": "render",
                "id": "a",
                "element": {"type": "text", "content": "x"},
                "position": 0,
            },
        },
    ),
    (
        events.StageChanged(StageChange("turn-1", "router", "completed", 1.5)),
        {"pipeline:stage": {"taskId": "turn-1", "stage": "router", "status": "completed", "durationMs": 1.5}},
    ),
    (
        events.DelegationChanged(DELEGATION),
        {
            "delegation:update": {
                "task_id": "del-1",
                "session_key": "sess-1",
                "target": "coder",
                "status": "running",
                "started_at": STAMP,
                "latency_ms": 5,
                "tool_name": "delegate_task",
                "complexity": 0.5,
            }
        },
    ),
    (
        events.ChannelChanged(ChannelStatus("web", "web", "connected", 3)),
        {"channels": {"type": "channel_status", "name": "web", "status": "connected", "message_count": 3}},
    ),
    (
        events.VoiceChanged(VoiceStatusChange("listening", "hello", "", True)),
        {
            "voice:status": {
                "type": "voice:status",
                "state": "listening",
                "transcript": "hello",
                "response": "",
                "talkModeActive": True,
            }
        },
    ),
    (
        events.CronRan("cron-1", "daily", "running", AT),
        {"cron:run": {"job_id": "cron-1", "name": "daily", "status": "running", "scheduled_for": STAMP}},
    ),
    (
        events.CronAlert("cron-1", "daily", 3, False, "why"),
        {
            "cron:alert": {
                "job_id": "cron-1",
                "name": "daily",
                "failures": 3,
                "disabled": False,
                "detail": "why",
            }
        },
    ),
    (
        events.DeliveryChanged("dlv-1", "hook", "sent", 1),
        {"outbox:update": {"id": "dlv-1", "channel": "hook", "state": "sent", "attempts": 1}},
    ),
    (
        events.ApprovalChanged(APPROVAL),
        {"approval:update": msgspec.to_builtins(APPROVAL, enc_hook=str)},
    ),
    (
        events.BudgetChanged(BUDGET),
        {"budget:update": msgspec.to_builtins(BUDGET)},
    ),
    (
        events.ToolCalled("call-1", "sing", {"song": "x"}, "sess-1"),
        {"tool:call": {"id": "call-1", "name": "sing", "arguments": {"song": "x"}, "session_key": "sess-1"}},
    ),
    (
        events.VoiceHappened(voice.Transcript("stop", final=True, taken=False)),
        {"voice:transcript": {"text": "stop", "final": True, "taken": False}},
    ),
    (events.VoiceHappened(voice.VoiceLevel(0.6)), {"voice:level": {"level": 0.6}}),
    (
        events.VoiceHappened(voice.DeviceNews(available=False, reason="gone")),
        {"voice:device": {"available": False, "reason": "gone"}},
    ),
    (
        events.ActorHappened("failed", "cron", "why"),
        {"actor:event": {"kind": "failed", "path": "cron", "detail": "why"}},
    ),
]
BARE = ("canvas", "channels", "voice:status", "session:sess-1")


@pytest.mark.parametrize(("event", "shown"), CASES, ids=lambda case: type(case).__name__)
def test_an_event_has_the_contracts_shape_on_each_of_its_topics(event: Any, shown: dict[str, Any]) -> None:
    drafts = topics.drafts(event)
    assert [draft.topic for draft in drafts] == list(shown)
    for draft in drafts:
        topics.check(draft.topic)
        seq = 7 if topics.is_numbered(draft.topic) else None
        whole = json.loads(topics.encode(draft, AT, seq).body)
        if draft.topic in BARE:
            assert whole == shown[draft.topic]
            continue
        numbered = {"seq": 7} if seq else {}
        assert whole == {
            "type": "event", "topic": draft.topic, "data": shown[draft.topic], **numbered, "timestamp": STAMP
        }  # fmt: skip


def test_every_kind_of_event_is_shown_somewhere() -> None:
    assert {type(event) for event, _ in CASES} == set(get_args(events.Event))


def test_a_batch_is_one_command_on_one_topic_and_taken_apart_on_the_other() -> None:
    batch = CanvasCommand(
        "batch", commands=(CanvasCommand("reset"), CanvasCommand("batch", commands=(RENDER,)))
    )
    assert [draft.data for draft in topics.canvas_drafts(batch, "canvas:update")] == [batch]
    taken = topics.canvas_drafts(batch, "canvas")
    assert [draft.data["command"] for draft in taken] == ["reset", "render"]


@pytest.mark.parametrize(
    "topic",
    ["agent:status", "sessions:sess-1", "sessions:voice", "session:a.b:c_d-e", "stream:x", "voice:level"],
)
def test_a_topic_of_the_contract_is_one(topic: str) -> None:
    assert topics.check(topic) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "gossip",
        "sessions:",
        "session:a b",
        "session:../x",
        "agent:statu",
        f"session:{'x' * 129}",
        "stream:\n",
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(Invalid, match=r"there is no topic .* - at `\$.topic`"):
        topics.check(topic)


def kept(*numbers: int, size: int = 2) -> list[Frame]:
    return [Frame("agent:status", b"x" * size, number) for number in numbers]


def told(since: int, last: int, frames: list[Frame]) -> list[Any]:
    replay = topics.replay("agent:status", since, last, frames)
    gaps = [json.loads(frame.body) if frame.seq is None else {} for frame in replay]
    return [frame.seq or (gap["from"], gap["to"]) for frame, gap in zip(replay, gaps, strict=True)]


def test_what_was_missed_is_told_again() -> None:
    assert told(2, 5, kept(3, 4, 5)) == [3, 4, 5]
    assert told(5, 5, []) == []


def test_what_is_no_longer_kept_is_a_gap() -> None:
    assert told(0, 5, kept(4, 5)) == [(1, 3), 4, 5]
    assert told(0, 5, []) == [(1, 5)]
    assert told(1, 6, kept(2, 4)) == [2, (3, 3), 4, (5, 6)]


def test_what_was_not_passed_on_yet_is_not_told_before() -> None:
    assert told(0, 2, kept(1, 2, 3)) == [1, 2]


def test_numbers_from_a_lost_past_are_a_gap() -> None:
    assert told(9, 4, kept(1, 2, 3, 4)) == [(5, 9)]


def test_only_so_much_is_told_at_once() -> None:
    assert told(0, 4, kept(1, 2, 3, 4, size=200 * 1024)) == [(1, 2), 3, 4]


def test_a_gap_is_a_frame_of_its_own_kind() -> None:
    assert json.loads(topics.gap("agent:status", 1, 3).body) == {
        "type": "gap",
        "topic": "agent:status",
        "from": 1,
        "to": 3,
    }
