"""Cron: what a job does when things do not go by the clock, and what becomes of its answer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clawft.domain.cron import CronJob, CronRun, Policy, PolicyChange
from clawft.domain.events import CronAlert
from clawft.domain.sessions import ChatMessage, SessionRecord
from clawft.domain.tools import ToolResult
from clawft.errors import StorageFull
from clawft.messages.cron import CronTrouble, ListJobRuns, UpdateJob
from clawft.messages.outbox import Wake
from clawft.messages.tools import CallTool
from clawft.runtime import Actor, Reply, on
from clawft.store.cron_runs import CronRuns
from clawft.store.outbox import OutboxStore
from clawft.store.sessions import SessionStore
from clawft.store.tables import UsageRow
from tests.actors.cron_host import Host
from tests.actors.moments import NOW, StillClock, until

TEN = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def host(tmp_path: Path, clock: StillClock) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data", clock)
    yield host
    await host.stop()


async def restarted(host: Host, tmp_path: Path, **asleep: float) -> Host:
    await host.stop()
    host.clock.forward(**asleep)
    return Host(tmp_path / "data", host.clock)


async def minutely(host: Host, payload: str = "wait", **policy: Any) -> CronJob:
    return await host.create(schedule="every minute", payload=payload, policy=Policy(**policy))


async def reason(host: Host, slot: datetime) -> str:
    (run,) = [run for run in await host.runs() if run.slot == slot]
    return str(run.detail)


async def run_count(host: Host, **states: int) -> bool:
    found: dict[str, int] = {}
    for _, state in await host.ledger():
        found[state] = found.get(state, 0) + 1
    return found == states


async def ticked_until(host: Host, ledger: list[tuple[datetime, str]]) -> None:
    async with asyncio.timeout(10):
        while await host.ledger() != ledger:
            await host.tick()


# -- missed slots


async def test_all_missed_slots_run_one_after_the_other_if_asked(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    await minutely(host, "Hi", missed="all", catch_up=3)
    again = await restarted(host, tmp_path, minutes=5)
    skipped = [(at(minute), "skipped") for minute in (0, 1)]
    await ticked_until(again, [*skipped, *[(at(minute), "done") for minute in (2, 3, 4)]])
    assert len(again.sessions.sent) == 3
    assert await reason(again, at(1)) == "more than 3 slots were missed"
    await again.stop()


async def test_what_waits_when_the_host_dies_runs_after_the_restart(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock)
    await minutely(host, missed="all")
    await host.tick(minutes=2)
    await until(lambda: host.sessions.sent)
    assert await host.ledger() == [(at(0), "running"), (at(1), "queued")]
    again = await restarted(host, tmp_path, seconds=10)
    again.sessions.gate.set()
    await ticked_until(again, [(at(0), "interrupted"), (at(1), "done")])
    await again.stop()


async def test_what_waits_when_the_host_dies_makes_room_for_a_later_slot(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock)
    await minutely(host, missed="latest", overlap="queue")
    await host.tick(minutes=1)
    await until(lambda: host.sessions.sent)
    await host.tick(minutes=1)
    assert await host.ledger() == [(at(0), "running"), (at(1), "queued")]
    again = await restarted(host, tmp_path, minutes=1)
    again.sessions.gate.set()
    await ticked_until(again, [(at(0), "interrupted"), (at(1), "skipped"), (at(2), "done")])
    assert "the later slot" in await reason(again, at(1))
    await again.stop()


async def test_what_waited_longer_than_the_grace_is_skipped(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    job = await minutely(host, missed="all")
    await host.tick(minutes=2)
    await host.system.ask("cron", UpdateJob(job.id, enabled=False))
    again = await restarted(host, tmp_path, minutes=20)
    await again.tick()
    assert await again.ledger() == [(at(0), "interrupted"), (at(1), "skipped")]
    assert "longer than a run may be late" in await reason(again, at(1))
    await again.stop()


async def test_a_clock_set_forward_and_back_loses_nothing_and_runs_nothing_twice(host: Host) -> None:
    await host.create(schedule="every 10 minutes", payload="Hi")
    await host.tick(seconds=31)
    await host.settled()
    await host.tick(hours=1)
    await host.settled()
    assert [state for _, state in await host.ledger()] == ["done", *["skipped"] * 5, "done"]
    await host.tick(hours=-1)
    for _ in range(7):
        await host.tick(minutes=10)
        await host.settled()
    assert await host.ledger() == [(at(10 * number), "done") for number in range(8)]
    assert len(host.sessions.sent) == 8


async def test_a_clock_set_back_while_the_host_was_down_loses_nothing(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock)
    await host.create(schedule="every 10 minutes", payload="Hi")
    await host.tick(hours=1)
    await host.settled()
    again = await restarted(host, tmp_path, minutes=-55)
    await again.tick()
    assert (await again.job()).next_run == at(10)
    await again.tick(minutes=6)
    await again.settled()
    assert (at(10), "done") in await again.ledger()
    await again.stop()


async def test_a_moment_passed_by_a_wrong_clock_is_not_lost(host: Host) -> None:
    await host.create(schedule="once at 2026-05-01T10:00", payload="Hi")
    await host.tick(hours=1)
    assert await host.ledger() == [(TEN, "skipped")]
    await host.tick(hours=-1)
    await host.tick(seconds=31)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]


async def test_a_wrong_clock_is_put_right_even_when_there_is_no_room_at_first(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.create(schedule="every 10 minutes", payload="Hi")
    await host.tick(seconds=31)
    await host.tick(hours=1)
    with monkeypatch.context() as full:
        full.setattr(CronRuns, "rewind", lambda *_: Reply.failed(StorageFull("no room")))
        await host.tick(hours=-1)
    await host.tick(minutes=10)
    await host.settled()
    assert (at(10), "done") in await host.ledger()


# -- runs cut off


async def test_a_run_cut_off_is_begun_again_if_asked(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    await host.create(payload="wait", policy=Policy(interrupted="retry"))
    await host.tick(seconds=31)
    await until(lambda: host.sessions.sent)
    again = await restarted(host, tmp_path, seconds=5)
    again.sessions.gate.set()
    await ticked_until(again, [(TEN, "done")])
    (run,) = await again.runs()
    assert run.attempt == 2
    await again.stop()


async def test_a_run_is_begun_three_times_at_the_most(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    await host.create(payload="wait", policy=Policy(interrupted="retry"))
    await host.tick(seconds=31)
    for _ in range(4):
        host = await restarted(host, tmp_path, seconds=5)
        await host.tick()
    assert await host.ledger() == [(TEN, "interrupted")]
    assert [run.attempt for run in await host.runs()] == [3]
    await host.stop()


# -- overlap


async def test_a_slot_waits_for_the_run_before_it_if_asked(host: Host) -> None:
    await minutely(host, overlap="queue")
    await host.tick(seconds=31)
    await host.tick(minutes=1)
    assert await host.ledger() == [(at(0), "running"), (at(1), "queued")]
    host.sessions.gate.set()
    await ticked_until(host, [(at(0), "done"), (at(1), "done")])


async def test_a_slot_takes_the_place_of_the_run_before_it_if_asked(host: Host) -> None:
    job = await minutely(host, overlap="replace")
    await host.tick(seconds=31)
    await until(lambda: host.sessions.sent)
    await host.tick(minutes=1)
    await ticked_until(host, [(at(0), "interrupted"), (at(1), "running")])
    assert await reason(host, at(0)) == "the run of 2026-05-01T10:01:00Z took its place"
    assert host.sessions.cancelled == [job.id]
    host.sessions.gate.set()
    await ticked_until(host, [(at(0), "interrupted"), (at(1), "done")])


async def test_jobs_run_side_by_side(host: Host) -> None:
    for name in ("a", "b", "c"):
        await host.create(name=name, payload="wait")
    await host.tick(seconds=31)
    await until(lambda: len(host.sessions.sent) == 3)


# -- limits


async def test_a_run_that_takes_too_long_is_stopped_and_has_failed(host: Host) -> None:
    job = await host.create(payload="wait", policy=Policy(time_limit=0.01))
    await host.tick(seconds=31)
    await host.settled()
    assert await host.ledger() == [(TEN, "failed")]
    assert await reason(host, TEN) == "it took longer than 0.01 s and was stopped"
    assert host.sessions.cancelled == [job.id]


async def spend(host: Host, session_key: str, cost: float) -> None:
    row = {
        "turn_id": "turn-1",
        "session_key": session_key,
        "agent_id": "general-agent",
        "provider": "p",
        "model": "m",
        "tier": 3,
        "input_tokens": 1,
        "output_tokens": 1,
        "input_cost_usd": cost / 2,
        "output_cost_usd": cost / 2,
        "estimated": False,
        "status": "success",
        "at": host.clock(),
    }
    await host.kept.write(lambda: UsageRow.create(**row))


async def test_what_a_run_costs_is_kept_and_beyond_the_limit_nothing_runs(host: Host) -> None:
    job = await minutely(host, cost_limit_usd=0.5)
    child = SessionRecord("sess-child", "general-agent", NOW, parent_key=job.id, depth=1)
    await SessionStore(host.kept).create(child)
    await host.tick(seconds=31)
    await until(lambda: host.sessions.sent)
    await spend(host, job.id, 0.25)
    await spend(host, "sess-child", 0.5)
    await spend(host, "somebody-else", 9.0)
    host.sessions.gate.set()
    await host.settled()
    assert [run.cost_usd for run in await host.runs()] == [0.75]
    await host.tick(minutes=1)
    await host.settled()
    assert await host.ledger() == [(at(0), "done"), (at(1), "skipped")]
    assert await reason(host, at(1)) == "its runs of 24 hours cost $0.7500, its limit is $0.5000"
    await host.tick(hours=24)
    await host.settled()
    assert (await host.ledger())[-1] == (at(1 + 24 * 60), "done")


# -- failures


def alerts(host: Host) -> list[tuple[int, bool]]:
    found = [note.event for note in host.published if isinstance(note.event, CronAlert)]
    return [(alert.failures, alert.disabled) for alert in found]


async def fail(host: Host, times: int) -> None:
    for _ in range(times):
        await host.tick(minutes=1)
        await host.settled()


async def test_three_failures_in_a_row_alert_and_a_success_ends_it(host: Host) -> None:
    job = await minutely(host, "fail")
    await fail(host, 2)
    assert (alerts(host), await host.system.ask("cron", CronTrouble())) == ([], ())
    await fail(host, 1)
    await until(lambda: alerts(host) == [(3, False)])
    (trouble,) = await host.system.ask("cron", CronTrouble())
    assert trouble == f"the last 3 runs of the job 'a job' ({job.id}) failed"
    await host.system.ask("cron", UpdateJob(job.id, payload="Hi"))
    await fail(host, 1)
    assert (await host.job()).failures == 0
    assert await host.system.ask("cron", CronTrouble()) == ()


async def test_ten_failures_in_a_row_disable_until_somebody_enables(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock)
    job = await minutely(host, "fail")
    await fail(host, 10)
    assert (await host.job()).enabled is False
    await until(lambda: alerts(host) == [(3, False), (10, True)])
    await fail(host, 2)
    assert await run_count(host, failed=10)
    again = await restarted(host, tmp_path, minutes=1)
    await again.tick()
    (trouble,) = await again.system.ask("cron", CronTrouble())
    assert "is disabled: its last 10 runs failed" in trouble
    enabled = await again.system.ask("cron", UpdateJob(job.id, enabled=True))
    assert (enabled.failures, enabled.enabled) == (0, True)
    assert await again.system.ask("cron", CronTrouble()) == ()
    await again.stop()


# -- what a job does


async def test_a_job_calls_a_tool(host: Host) -> None:
    job = await host.create(payload='{"tool": "memory_read", "arguments": {"key": "a"}}')
    await host.tick(seconds=31)
    await host.settled()
    assert host.tools == [CallTool("memory_read", {"key": "a"}, job.id, "general-agent", job.id)]
    assert await reason(host, TEN) == "called memory_read"


class BrokenTools(Actor):
    @on(CallTool)
    def call(self, ask: CallTool) -> ToolResult:
        return ToolResult(f"no tool is called {ask.name}", is_error=True)


async def test_a_tool_that_fails_is_a_run_that_failed(host: Host) -> None:
    tools = host.system.find("tools")
    tools.halt()
    await tools.stopped(5)
    host.system.spawn(BrokenTools, "tools")
    await host.create(payload='{"tool": "sing"}')
    await host.tick(seconds=31)
    await host.settled()
    assert await host.ledger() == [(TEN, "failed")]
    assert await reason(host, TEN) == "no tool is called sing"


async def test_the_answer_is_in_the_outbox_with_the_end_of_the_run(host: Host) -> None:
    job = await host.create(payload='{"message": "Hi", "deliver": ["voice", {"channel": "hook", "to": "x"}]}')
    await host.tick(seconds=31)
    await host.settled()
    page = await OutboxStore(host.kept).page(None, 10, 0)
    found = {(each.channel, each.to, each.content, each.state, each.source) for each in page.items}
    assert {("hook", "x", "done: Hi", "queued", job.id)} < found
    assert len(found) == 2
    await until(lambda: host.outbox == [Wake()])


async def said(host: Host, content: str) -> None:
    message = ChatMessage("user", content, host.clock())
    await SessionStore(host.kept).append("day", (message,))


async def test_a_heartbeat_skips_a_session_in_which_nothing_was_said(host: Host) -> None:
    await SessionStore(host.kept).create(SessionRecord("day", "general-agent", NOW))
    await minutely(host, '{"heartbeat": true, "session": "day"}')
    await fail(host, 1)
    await said(host, "Remind me")
    await fail(host, 1)
    await said(host, host.sessions.sent[0].content)  # what the heartbeat itself says
    await fail(host, 1)
    host.clock.forward(seconds=1)
    await said(host, "And now?")
    await fail(host, 1)
    assert [state for _, state in await host.ledger()] == ["skipped", "done", "skipped", "done"]
    assert len(host.sessions.sent) == 2
    assert (await host.job()).failures == 0


# -- the ledger


async def test_the_ledger_is_paged(host: Host) -> None:
    job = await minutely(host, "Hi")
    await fail(host, 5)
    page = await host.system.ask("cron", ListJobRuns(job.id, limit=2, offset=1))
    assert [run.slot for run in page.items] == [at(3), at(2)]
    assert (page.total, page.limit, page.offset) == (5, 2, 1)
    assert isinstance(page.items[0], CronRun)


async def test_an_edit_of_the_policy_keeps_the_rest_of_it(host: Host) -> None:
    job = await minutely(host, "Hi", missed="all", jitter=7)
    edited = await host.system.ask("cron", UpdateJob(job.id, policy=PolicyChange(jitter=0)))
    assert edited.policy == Policy(missed="all", jitter=0)
    assert edited.next_run == job.next_run
