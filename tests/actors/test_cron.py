"""Cron: when jobs run, how often, and what is known of it afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schedule
import time_machine

from clawft.actors.ticker import steady
from clawft.domain.cron import CronJob
from clawft.domain.values import UNSET
from clawft.errors import Conflict, Invalid, NotFound, StorageFull
from clawft.messages.cron import DeleteJob, GetJob, ListJobs, RunJob, UpdateJob
from clawft.runtime import Reply
from clawft.store import Store
from clawft.store.cron import CronStore
from clawft.store.cron_runs import CronRuns
from tests.actors.cron_host import Host
from tests.actors.moments import NOW, StillClock, until

TEN = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def host(tmp_path: Path, clock: StillClock) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data", clock)
    yield host
    await host.stop()


async def test_a_new_job_is_listed_with_its_next_run(host: Host) -> None:
    job = await host.create(schedule="every day at 12:00", timezone="Europe/Berlin", payload="Lunch?")
    assert job == CronJob(
        id=job.id,
        name="a job",
        schedule="every day at 12:00",
        enabled=True,
        status="idle",
        timezone="Europe/Berlin",
        next_run=TEN,
        payload="Lunch?",
    )
    assert job.id.startswith("cron-")
    assert await host.job() == job
    detail = await host.system.ask("cron", GetJob(job.id))
    assert detail.reading == "At 12:00 every day (Europe/Berlin)"
    assert [moment.utc for moment in detail.next_runs] == [TEN + timedelta(days=day) for day in range(5)]
    assert {moment.local.isoformat()[10:] for moment in detail.next_runs} == {"T12:00:00+02:00"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"schedule": "61 * * * *"}, "$.schedule"),
        ({"timezone": "Mars/Olympus"}, "$.timezone"),
        ({"payload": '{"message": 1}'}, "$.payload"),
    ],
)
async def test_a_job_that_makes_no_sense_is_refused_and_not_kept(
    given: dict[str, Any], path: str, host: Host
) -> None:
    with pytest.raises(Invalid) as refused:
        await host.create(**given)
    assert refused.value.path == path
    assert await host.system.ask("cron", ListJobs()) == ()


async def test_a_due_job_says_its_message_in_its_own_session_once(host: Host) -> None:
    job = await host.create(payload="Good morning")
    await host.tick(seconds=29)
    assert await host.ledger() == []
    await host.tick(seconds=2)
    await host.tick(seconds=1)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]
    assert [(ask.key, ask.agent_id) for ask in host.sessions.opened] == [(job.id, "general-agent")]
    assert [(ask.key, ask.content) for ask in host.sessions.sent] == [(job.id, "Good morning")]
    after = await host.job()
    assert (after.status, after.last_run, after.next_run) == (
        "idle",
        NOW + timedelta(seconds=31),
        TEN + timedelta(hours=1),
    )
    await until(lambda: host.events() == ["running", "done"])


async def test_a_payload_says_which_agent_and_which_session(host: Host) -> None:
    await host.create(payload='{"message": "Hi", "agent": "planner", "session": "days"}')
    await host.tick(seconds=31)
    await host.settled()
    assert [(ask.key, ask.agent_id) for ask in host.sessions.opened] == [("days", "planner")]


async def test_a_job_without_a_message_marks_the_time_and_says_nothing(host: Host) -> None:
    await host.create()
    await host.tick(seconds=31)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]
    assert host.sessions.sent == []
    await until(lambda: host.events() == ["running", "done"])


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("fail", "the model does not answer"),
        ("break", "RuntimeError"),
        ('{"message": "Hi", "agent": "nobody"}', "no agent has the id nobody"),
    ],
)
async def test_a_run_that_fails_says_why_and_the_next_one_runs(payload: str, why: str, host: Host) -> None:
    await host.create(payload=payload)
    await host.tick(seconds=31)
    await host.settled()
    (run,) = await host.runs()
    assert run.state == "failed"
    assert why in str(run.detail)
    assert (await host.job()).status == "failed"
    await host.tick(hours=1)
    assert len(await host.runs()) == 2


async def test_looking_never_changes_anything(host: Host) -> None:
    job = await host.create()
    host.clock.forward(days=3)
    await host.system.ask("cron", GetJob(job.id))
    assert await host.job() == await host.job() == job


async def test_an_edit_keeps_what_it_does_not_name_and_takes_effect_at_once(host: Host) -> None:
    job = await host.create(payload="Hi", timezone="Europe/Berlin")
    edited = await host.system.ask("cron", UpdateJob(job.id, schedule="30 * * * *"))
    assert edited == await host.job()
    assert (edited.name, edited.payload, edited.timezone) == ("a job", "Hi", "Europe/Berlin")
    assert edited.next_run == TEN + timedelta(minutes=30)
    await host.tick(minutes=1)
    assert await host.ledger() == []
    await host.tick(minutes=30)
    await host.settled()
    assert await host.ledger() == [(TEN + timedelta(minutes=30), "done")]


async def test_an_edit_that_makes_no_sense_changes_nothing(host: Host) -> None:
    job = await host.create()
    for wrong in (UpdateJob(job.id, schedule="never"), UpdateJob(job.id, name="b", timezone="Nowhere")):
        with pytest.raises(Invalid):
            await host.system.ask("cron", wrong)
    assert await host.job() == job


async def test_an_edit_of_the_name_does_not_lose_a_slot_that_is_due(host: Host) -> None:
    job = await host.create()
    host.clock.forward(seconds=31)
    await host.system.ask("cron", UpdateJob(job.id, name="renamed"))
    await host.tick()
    assert [slot for slot, _ in await host.ledger()] == [TEN]


async def test_a_payload_can_be_taken_away(host: Host) -> None:
    job = await host.create(payload="Hi")
    assert (await host.system.ask("cron", UpdateJob(job.id, payload=None))).payload is UNSET


async def test_a_disabled_job_never_runs_and_an_enabled_one_starts_from_now(host: Host) -> None:
    job = await host.create(enabled=False)
    assert job.next_run is UNSET
    await host.tick(hours=5)
    assert await host.ledger() == []
    enabled = await host.system.ask("cron", UpdateJob(job.id, enabled=True))
    assert enabled.next_run == TEN + timedelta(hours=5)
    await host.tick()
    assert await host.ledger() == []


async def test_a_job_runs_when_asked_to_even_if_it_is_disabled(host: Host) -> None:
    job = await host.create(enabled=False, payload="Hi")
    await host.system.ask("cron", RunJob(job.id))
    await host.settled()
    assert await host.ledger() == [(NOW, "done")]
    assert (await host.job()).last_run == NOW


async def test_a_job_that_runs_says_so_and_is_not_started_again(host: Host) -> None:
    job = await host.create(payload="wait")
    await host.system.ask("cron", RunJob(job.id))
    assert (await host.job()).status == "running"
    with pytest.raises(Conflict):
        await host.system.ask("cron", RunJob(job.id))
    await host.tick(seconds=31)
    assert await host.ledger() == [(NOW, "running"), (TEN, "skipped")]
    host.sessions.gate.set()
    await host.settled()
    assert (await host.job()).status == "idle"


async def test_a_deleted_job_is_gone_with_its_run(host: Host) -> None:
    job = await host.create(payload="wait")
    await host.system.ask("cron", RunJob(job.id))
    await until(lambda: host.sessions.sent)
    await host.system.ask("cron", DeleteJob(job.id))
    await until(lambda: host.sessions.cancelled == [job.id])
    assert await host.system.ask("cron", ListJobs()) == ()
    assert (await host.store.runs.page(job.id)).items == ()


@pytest.mark.parametrize("ask", [GetJob, DeleteJob, RunJob, UpdateJob])
async def test_an_unknown_job_is_not_found(ask: Callable[[str], Any], host: Host) -> None:
    with pytest.raises(NotFound, match="cron-0"):
        await host.system.ask("cron", ask("cron-0"))


async def restarted(host: Host, tmp_path: Path, **asleep: float) -> Host:
    await host.stop()
    host.clock.forward(**asleep)
    return Host(tmp_path / "data", host.clock)


async def test_jobs_and_their_next_run_survive_a_restart(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    job = await host.create(payload="Hi")
    again = await restarted(host, tmp_path, seconds=5)
    assert await again.job() == job
    await again.tick(seconds=26)
    await again.settled()
    assert await again.ledger() == [(TEN, "done")]
    await again.stop()


async def test_a_job_missed_while_the_host_was_down_runs_once(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    await host.create(schedule="every 10 minutes", payload="Hi")
    again = await restarted(host, tmp_path, minutes=34)
    await again.tick()
    await again.tick(seconds=1)
    await again.settled()
    missed = [(TEN + timedelta(minutes=minutes), "skipped") for minutes in (0, 10, 20)]
    assert await again.ledger() == [*missed, (TEN + timedelta(minutes=30), "done")]
    assert (await again.job()).next_run == TEN + timedelta(minutes=40)
    assert len(again.sessions.sent) == 1
    await again.stop()


async def test_a_job_missed_by_more_than_the_grace_is_skipped_and_says_so(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock)
    await host.create(payload="Hi")
    again = await restarted(host, tmp_path, minutes=20)
    await again.tick()
    assert await again.ledger() == [(TEN, "skipped")]
    assert (await again.runs())[0].detail
    assert (await again.job()).next_run == TEN + timedelta(hours=1)
    assert again.sessions.sent == []
    await again.stop()


async def test_a_run_under_way_when_the_host_stops_is_interrupted(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    job = await host.create(payload="wait")
    await host.system.ask("cron", RunJob(job.id))
    again = await restarted(host, tmp_path, seconds=5)
    assert await again.ledger() == [(NOW, "interrupted")]
    assert (await again.job()).status == "failed"
    await again.stop()


async def test_a_run_left_open_by_a_host_that_died_is_interrupted_at_the_next_start(host: Host) -> None:
    job = await host.create(payload="Hi")
    assert await host.store.runs.claim(job.id, TEN, None, NOW)
    host.cron.halt()
    await host.cron.stopped(5)
    host.start_cron()
    assert await host.ledger() == [(TEN, "interrupted")]
    assert (await host.job()).status == "failed"
    assert host.events() == ["interrupted"]


async def test_a_slot_that_was_claimed_is_never_run_again(host: Host) -> None:
    job = await host.create(payload="Hi")
    assert await host.store.runs.claim(job.id, TEN, TEN, NOW)
    assert not await host.store.runs.claim(job.id, TEN, TEN, NOW)
    await host.tick(seconds=31)
    assert host.sessions.sent == []


class FullLedger(CronRuns):
    """A ledger that is full until somebody makes room."""

    def take(self, *args: Any) -> Reply[tuple[datetime, ...]]:
        return Reply.failed(StorageFull("no room")) if FullDisk.full else super().take(*args)

    def finish(self, *args: Any) -> Reply[int]:
        return Reply.failed(StorageFull("no room")) if FullDisk.full else super().finish(*args)


class FullDisk(CronStore):
    full = False

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.runs = FullLedger(store)


async def test_nothing_runs_that_cannot_be_recorded_and_it_runs_when_there_is_room(
    tmp_path: Path, clock: StillClock
) -> None:
    host = Host(tmp_path / "data", clock, FullDisk)
    await host.create(payload="Hi")
    FullDisk.full = True
    await host.tick(seconds=31)
    assert host.sessions.sent == []
    FullDisk.full = False
    await host.tick(seconds=1)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]
    await host.stop()


async def test_the_end_of_a_run_is_recorded_when_there_is_room_again(
    tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawft.actors.insist.PAUSE", 0.01)
    host = Host(tmp_path / "data", clock, FullDisk)
    await host.create(payload="wait")
    await host.tick(seconds=31)
    await until(lambda: host.sessions.sent)
    FullDisk.full = True
    host.sessions.gate.set()
    await asyncio.sleep(0.02)
    assert (await host.job()).status == "running"
    FullDisk.full = False
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]
    await host.stop()


async def test_a_job_whose_actor_is_restarted_goes_on_with_its_edits(host: Host) -> None:
    job = await host.create()
    await host.system.ask("cron", UpdateJob(job.id, schedule="30 * * * *"))
    host.system.restart(f"cron/{job.id}")
    await host.tick(minutes=31)
    await host.settled()
    assert await host.ledger() == [(TEN + timedelta(minutes=30), "done")]


async def test_cron_itself_can_be_restarted_and_all_jobs_are_there_once(host: Host) -> None:
    await host.create(payload="Hi")
    host.system.restart("cron")
    await until(lambda: host.system.inspect("cron").restarts == 1)
    await host.tick(seconds=31)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]
    assert len(host.sessions.sent) == 1


async def test_the_tick_needs_nobody_to_tell_it(host: Host) -> None:
    await host.create(payload="Hi")
    host.cron.halt()
    await host.cron.stopped(5)
    host.start_cron(tick=0.01)
    host.clock.forward(seconds=31)
    await until(lambda: host.sessions.sent)
    await host.settled()
    assert await host.ledger() == [(TEN, "done")]


def test_the_tick_goes_on_when_the_clock_on_the_wall_is_set_back() -> None:
    scheduler, ticks = schedule.Scheduler(), []
    with time_machine.travel(TEN, tick=False) as clock:
        steady(scheduler, 0.0, lambda: ticks.append(1))
        scheduler.run_pending()
        clock.shift(-3600)
        scheduler.run_pending()
    assert len(ticks) == 2


def test_the_tick_comes_no_more_often_than_asked_for() -> None:
    scheduler, ticks = schedule.Scheduler(), []
    steady(scheduler, 3600, lambda: ticks.append(1))
    scheduler.run_pending()
    scheduler.run_pending()
    assert len(ticks) == 1
