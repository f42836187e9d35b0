"""Cron over days: a crash every 13 minutes, a clock that jumps by an hour, three zones.

``run`` plays it and checks the ledger against slots that are computed here a second time, minute by minute.
A life of the host is a forked process with the real store, runtime and cron in it; it ends by SIGKILL in the
middle of what it does. Time goes in steps, so that a week takes minutes.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from clawft.actors.cron import Cron
from clawft.domain.cron import CronJob, CronRun, Policy
from clawft.domain.sessions import ChatMessage, SessionSummary
from clawft.messages.cron import CreateJob, ListJobs, Tick, UpdateJob
from clawft.messages.sessions import OpenSession, SendMessage
from clawft.runtime import Actor, System, on
from clawft.store import Store
from clawft.store.cron import CronStore
from tests.actors.recorder import Recorder

ROOT = Path(__file__).parents[2]
BEGIN = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
"""Three hours before Berlin sets its clocks back; New York follows on the eighth day."""
LONG, SHORT = timedelta(days=7, hours=10), timedelta(hours=8)
UPTIME = timedelta(minutes=13)
STEP = timedelta(seconds=15)
LATE = timedelta(seconds=60)
"""A run that begins so long after its slot is a catch-up."""

PATIENCE = 60.0
"""Seconds one life may take; a busy machine needs one."""

Due = Callable[[datetime], bool]
"""Whether a whole minute is a slot."""


class Planned(NamedTuple):
    """A job of the play, and its slots computed without cronsim."""

    name: str
    schedule: str
    zone: str
    due: Due
    policy: Policy = Policy()


def _local(zone: str, matches: Callable[[datetime], bool]) -> Due:
    place: tzinfo = ZoneInfo(zone)
    return lambda minute: matches(minute.astimezone(place))


def _first_of(hour: int, minute: int) -> Callable[[datetime], bool]:
    """A time of the day; of the two that a repeated hour has, the first."""
    return lambda local: (local.hour, local.minute, local.fold) == (hour, minute, 0)


BERLIN, NEW_YORK, KOLKATA = "Europe/Berlin", "America/New_York", "Asia/Kolkata"
JOBS = (
    Planned(
        "tens",
        "every 10 minutes",
        BERLIN,
        _local(BERLIN, lambda at: at.minute % 10 == 0),
        Policy(grace=3600),  # several slots are within it after most gaps, and one of them runs
    ),
    Planned("half past two", "30 2 * * *", BERLIN, _local(BERLIN, _first_of(2, 30))),
    Planned("half past one", "every day at 1:30", NEW_YORK, _local(NEW_YORK, _first_of(1, 30))),
    Planned("quarters", "15,45 * * * *", NEW_YORK, _local(NEW_YORK, lambda at: at.minute in (15, 45))),
    Planned(
        "office hours",
        "*/20 9-17 * * *",
        KOLKATA,
        _local(KOLKATA, lambda at: at.minute % 20 == 0 and 9 <= at.hour <= 17),
        Policy(missed="all", catch_up=5, grace=1800),
    ),
    Planned(
        "elapsed",
        "every 45 minutes",
        KOLKATA,
        lambda at: int(at.timestamp()) // 60 % 45 == 0,
        Policy(missed="skip"),
    ),
)


class Figures(msgspec.Struct, frozen=True):
    """What came of it. ``wrong`` says in sentences what does not hold."""

    days: float
    crashes: int
    clock_changes: int
    slots: int
    begun: int
    skipped: int
    most_runs_of_a_slot: int
    most_catch_ups: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"cron: {self.days:.1f} days, {self.crashes} crashes, {self.clock_changes} changes of the clock,"
            f" 3 zones: {self.slots} slots, {self.begun} begun, {self.skipped} rightly skipped;"
            f" runs of one slot <= {self.most_runs_of_a_slot}, catch-ups <= {self.most_catch_ups};"
            f" wrong: {len(self.wrong)}"
        )


def run(long: bool) -> Figures:
    """Play it in a process of its own, since lives are forked: that needs one without threads."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.faults.cron_days", folder, "long" if long else "short"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Figures)


# -- the play


class Life(NamedTuple):
    """What one process is to live through."""

    number: int
    begin: datetime
    """By the true clock."""
    offsets: tuple[tuple[int, timedelta], ...]
    """From this step on, by how much the host's clock is wrong."""
    dies: bool
    seed: int
    steps: int = UPTIME // STEP


class Effect(msgspec.Struct):
    """A run that really happened, as the one who was spoken to has noted it."""

    job: str
    slot: datetime
    at: datetime
    life: int
    change: int


def play(folder: Path, span: timedelta, seed: int = 1) -> Figures:
    dice = random.Random(seed)
    now, offset, changes, number = BEGIN, timedelta(), 0, 0
    _live(folder, Life(0, now, ((0, offset),), dies=False, seed=seed, steps=0))
    while now < BEGIN + span:
        number += 1
        offsets = tuple(_offsets(dice, offset))
        changes += len(offsets) - 1
        _live(folder, Life(number, now, offsets, dies=True, seed=dice.randrange(2**32)))
        offset = offsets[-1][1]
        now += UPTIME + timedelta(seconds=dice.choice([5, 10, 20, 30, 60, 400, 1200]))
    # At the end the clock is right, long enough for everything to be settled.
    _live(folder, Life(number + 1, now, ((0, timedelta()),), dies=False, seed=seed, steps=480))
    return _figures(folder, now + 470 * STEP, number, changes)


def _offsets(dice: random.Random, offset: timedelta) -> Iterator[tuple[int, timedelta]]:
    """Now and then the clock is set wrong by an hour, or right again."""
    yield 0, offset
    if dice.random() < 0.1:
        others = [timedelta(hours=hours) for hours in (-1, 0, 1) if timedelta(hours=hours) != offset]
        yield dice.randrange(1, UPTIME // STEP), dice.choice(others)


def _live(folder: Path, life: Life) -> None:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(asyncio.wait_for(_lived(folder, life), PATIENCE))
            os._exit(0)
        except BaseException as error:
            print(f"life {life.number}: {error!r}", file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if died != life.dies or (not died and os.WEXITSTATUS(status)):
        raise AssertionError(f"life {life.number} ended with {status}")


class Clock:
    """True time and what the host takes for it."""

    def __init__(self, at: datetime) -> None:
        self.true = at
        self.offset = timedelta()
        self.change = 0

    def __call__(self) -> datetime:
        return self.true + self.offset


class Listeners(Actor):
    """Who the jobs speak to: notes which slot it was, and when, in a file that no crash takes back."""

    concurrency = 100

    def __init__(self, notes: int, store: CronStore, clock: Clock, life: int) -> None:
        super().__init__()
        self._notes, self._store, self._clock, self._life = notes, store, clock, life

    @on(OpenSession)
    def open(self, ask: OpenSession) -> SessionSummary:
        return SessionSummary(ask.key, ask.agent_id, 0, self._clock())

    @on(SendMessage)
    async def send(self, ask: SendMessage) -> ChatMessage:
        at, change = self._clock(), self._clock.change
        for each in (await self._store.runs.page(ask.key, 20)).items:
            if each.state == "running":
                note = Effect(ask.key, each.slot, at, self._life, change)
                os.write(self._notes, msgspec.json.encode(note) + b"\n")
        return ChatMessage("assistant", "done", at)


async def _lived(folder: Path, life: Life) -> None:
    dice, clock = random.Random(life.seed), Clock(life.begin)
    clock.offset = life.offsets[0][1]
    system = System("days")
    system.attach()
    store = Store.open(system, folder / "data")
    ledger = CronStore(store)
    notes = os.open(folder / "notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    system.spawn(Recorder, "events", [])
    system.spawn(Listeners, "sessions", notes, ledger, clock, life.number)
    system.spawn(Cron, "cron", store=ledger, now=clock, tick=None)
    jobs = await system.ask("cron", ListJobs())
    if not jobs:
        await _make_jobs(system)
    looks = os.open(folder / "looks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    await _go_through(system, ledger, clock, life, looks)
    if life.dies:
        system.tell("cron", Tick(clock()))
        await asyncio.sleep(dice.random() * 0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    await system.shutdown(5)
    store.close()


async def _make_jobs(system: System) -> None:
    for job in JOBS:
        await system.ask(
            "cron", CreateJob(job.name, job.schedule, True, job.zone, payload="Go", policy=job.policy)
        )


async def _go_through(system: System, ledger: CronStore, clock: Clock, life: Life, looks: int) -> None:
    offsets = dict(life.offsets)
    due_next = datetime.min.replace(tzinfo=UTC)
    for step in range(life.steps):
        clock.true = life.begin + step * STEP
        changed = step > 0 and step in offsets
        if changed:
            clock.offset, clock.change = offsets[step], clock.change + 1
        system.tell("cron", Tick(clock()))
        if changed or step == 0:
            await _looked(system, ledger)
        if changed or clock() >= due_next:
            due_next = await _decided(ledger, clock())
            await _quiet(system, ledger, clock)
        os.write(looks, f"{clock().timestamp()}\n".encode())


async def _looked(system: System, ledger: CronStore) -> None:
    """Wait until every job has looked back: what is asked after the tick is answered after it."""
    for job in await ledger.all():
        await system.ask("cron", UpdateJob(job.id))


async def _decided(ledger: CronStore, now: datetime) -> datetime:
    """Wait until every job has decided about what is due; when the next one is."""
    while True:
        due = [job.next_run for job in await ledger.all() if isinstance(job.next_run, datetime)]
        if min(due) > now:
            return min(due)
        await asyncio.sleep(0.001)


async def _quiet(system: System, ledger: CronStore, clock: Clock) -> None:
    """Runs take no time in this play: what is begun, or waits its turn, is over before the clock goes on."""
    for job in await ledger.all():
        while any(each.state in ("queued", "running") for each in (await ledger.runs.page(job.id, 8)).items):
            await asyncio.sleep(0.001)
            system.tell("cron", Tick(clock()))


# -- the check


def _figures(folder: Path, end: datetime, crashes: int, changes: int) -> Figures:
    jobs, ledger = asyncio.run(_ledger(folder / "data"))
    effects = [
        msgspec.json.decode(line, type=Effect) for line in (folder / "notes").read_bytes().splitlines()
    ]
    looks = sorted(float(line) for line in (folder / "looks").read_text().splitlines())
    wrong = [sentence for job in jobs for sentence in _wrong(job, ledger[job.id], end, looks)]
    of_slots = Counter((effect.job, effect.slot) for effect in effects)
    catch_ups = _catch_ups(jobs, effects)
    states = Counter(each.state for runs in ledger.values() for each in runs)
    wrong += [f"{job} ran {slot} {times} times" for (job, slot), times in of_slots.items() if times > 1]
    wrong += [f"{key} caught up {times} times" for key, times in catch_ups.items() if times > 1]
    return Figures(
        days=(end - BEGIN) / timedelta(days=1),
        crashes=crashes,
        clock_changes=changes,
        slots=sum(states.values()),
        begun=sum(states[state] for state in ("done", "interrupted", "failed")),
        skipped=states["skipped"],
        most_runs_of_a_slot=max(of_slots.values()),
        most_catch_ups=max(catch_ups.values(), default=0),
        wrong=tuple(wrong),
    )


async def _ledger(folder: Path) -> tuple[tuple[CronJob, ...], dict[str, tuple[CronRun, ...]]]:
    system = System("look")
    system.attach()
    store = Store.open(system, folder)
    kept = CronStore(store)
    jobs = await kept.all()
    runs = {job.id: (await kept.runs.page(job.id, 1_000_000)).items for job in jobs}
    store.close()
    await system.shutdown(5)
    return jobs, runs


def _slots(job: CronJob, end: datetime) -> set[datetime]:
    [planned] = [planned for planned in JOBS if planned.name == job.name]
    minutes = int((end - BEGIN).total_seconds()) // 60
    every = (BEGIN + timedelta(minutes=minute) for minute in range(1, minutes + 1))
    return {minute for minute in every if planned.due(minute)}


def _wrong(job: CronJob, runs: tuple[CronRun, ...], end: datetime, looks: list[float]) -> Iterator[str]:
    """Slots that are not accounted for, and skips whose reason is none."""
    expected, known = _slots(job, end), {each.slot: each for each in runs}
    for slot in sorted(expected - known.keys()):
        yield f"{job.name}: nothing is known of {slot}"
    for slot in sorted(slot for slot in known.keys() - expected if BEGIN < slot <= end):
        yield f"{job.name}: {slot} is no slot"
    for each in runs:
        if each.state in ("queued", "running"):
            yield f"{job.name}: {each.slot} is {each.state} for ever"
        if each.state == "skipped" and not _excused(job, each, known, looks):
            yield f"{job.name}: {each.slot} was skipped, because {each.detail}, at {each.ended_at}"


def _excused(job: CronJob, skipped: CronRun, known: dict[datetime, CronRun], looks: list[float]) -> bool:
    """Nobody looked at the clock when it was within the grace, or a later slot ran for it."""
    assert isinstance(skipped.ended_at, datetime)
    grace = LATE if job.policy.missed == "skip" else timedelta(seconds=job.policy.grace)
    look = bisect_left(looks, skipped.slot.timestamp())
    if look == len(looks) or looks[look] > (skipped.slot + grace).timestamp():
        return True
    within = (each for slot, each in known.items() if skipped.slot < slot <= skipped.ended_at)
    return job.policy.missed == "latest" and any(each.state != "skipped" for each in within)


def _catch_ups(jobs: tuple[CronJob, ...], effects: list[Effect]) -> Counter[tuple[Any, ...]]:
    """Runs that began late, by job and by the start or change of the clock they came after.

    A job that asked for all of them has as many as it asked for.
    """
    latest = {job.id for job in jobs if job.policy.missed == "latest"}
    late = (effect for effect in effects if effect.at - effect.slot > LATE and effect.job in latest)
    return Counter((effect.job, effect.life, effect.change) for effect in late)


if __name__ == "__main__":
    figures = play(Path(sys.argv[1]), LONG if sys.argv[2] == "long" else SHORT)
    sys.stdout.buffer.write(msgspec.json.encode(figures))
