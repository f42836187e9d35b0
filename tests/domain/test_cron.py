"""Cron jobs: payloads, previews, policies, and which of the slots that passed are run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.cron import CronJob, Policy, PolicyChange, preview
from clawft.domain.cron_tasks import HEARTBEAT, Task, read_payload
from clawft.domain.deliveries import Address
from clawft.domain.firing import MOST_ROWS, PUNCTUAL, Plan, Skip, delay, plan
from clawft.domain.values import UNSET
from clawft.errors import Invalid

TEN = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


PLAIN = Policy()


def job(policy: Policy = PLAIN, **changes: Any) -> CronJob:
    given: dict[str, Any] = {
        "schedule": "*/2 * * * *",
        "enabled": True,
        "status": "idle",
        "next_run": TEN,
    } | changes
    return CronJob(id="cron-1", name="a job", policy=policy, **given)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def planned(job: CronJob, now: datetime) -> Plan:
    found = plan(job, now)
    assert found is not None
    return found


def test_a_job_is_not_due_before_its_time() -> None:
    assert plan(job(), at(-0.01)) is None


def test_a_job_without_a_next_run_is_never_due() -> None:
    assert plan(job(next_run=UNSET), at(1000)) is None


@pytest.mark.parametrize(
    ("minutes", "runs", "skips", "next_run"),
    [(0, [0], [], 2), (1, [0], [], 2), (2, [2], [0], 4), (3, [2], [0], 4), (8, [8], [0, 2, 4, 6], 10)],
)
def test_the_latest_slot_runs_and_every_one_before_it_is_skipped(
    minutes: float, runs: list[int], skips: list[int], next_run: int
) -> None:
    found = planned(job(), at(minutes))
    assert found.runs == tuple(map(at, runs))
    assert [skip.slot for skip in found.skips] == list(map(at, skips))
    assert found.next_run == at(next_run)


def test_why_a_slot_does_not_run_is_said() -> None:
    why = [skip.why for skip in planned(job(), at(8)).skips]
    assert why == ["it was more than 300 s late"] * 2 + ["the later slot 2026-05-01T10:08:00Z ran for it"] * 2


def test_what_is_beyond_the_grace_does_not_run() -> None:
    daily = job(schedule="every day at 10:00")
    assert planned(daily, at(5)) == Plan((at(0),), (), at(24 * 60))
    assert planned(daily, at(5.01)).runs == ()
    assert planned(daily, at(24 * 60 + 1)).runs == (at(24 * 60),)
    patient = job(Policy(grace=3600), schedule="every day at 10:00")
    assert planned(patient, at(60)).runs == (at(0),)


def test_a_job_that_skips_runs_what_is_on_time_only() -> None:
    strict = job(Policy(missed="skip"))
    assert planned(strict, at(0) + PUNCTUAL).runs == (at(0),)
    assert planned(strict, at(1.1)).runs == ()
    assert planned(strict, at(6.5)).runs == (at(6),)


def test_a_job_that_catches_up_runs_all_within_the_grace_up_to_so_many() -> None:
    assert planned(job(Policy(missed="all")), at(4)).runs == (at(0), at(2), at(4))
    few = planned(job(Policy(missed="all", catch_up=2, grace=600)), at(8))
    assert few.runs == (at(6), at(8))
    assert {skip.why for skip in few.skips} == {"more than 2 slots were missed"}


@given(
    away=st.floats(0, 5000),
    missed=st.sampled_from(["skip", "latest", "all"]),
    grace=st.integers(0, 3600),
    jitter=st.integers(0, 600),
)
def test_every_slot_is_in_a_plan_once(away: float, missed: Any, grace: int, jitter: int) -> None:
    found = plan(job(Policy(missed=missed, grace=grace, jitter=jitter)), at(away))
    if found is None:
        return
    slots = sorted([*found.runs, *(skip.slot for skip in found.skips)])
    assert len(slots) == len(set(slots))
    assert isinstance(found.next_run, datetime)
    if len(slots) < MOST_ROWS:
        assert slots == [at(2 * number) for number in range(len(slots))]
        assert found.next_run == at(2 * len(slots))


def test_a_minutely_job_asleep_for_a_year_is_settled_in_few_rows() -> None:
    year = 365 * 24 * 60
    found = planned(job(schedule="* * * * *"), at(year))
    assert found.runs == (at(year),)
    assert found.next_run == at(year + 1)
    assert len(found.skips) <= MOST_ROWS + 10
    many = Skip(at(MOST_ROWS), "nobody was there for it, nor for any slot before 2027-05-01T09:56:00Z")
    assert many in found.skips


def test_jitter_spreads_runs_and_is_the_same_each_time() -> None:
    spread = job(Policy(jitter=60))
    late = delay(spread, TEN)
    assert timedelta() < late < timedelta(seconds=60)
    assert plan(spread, TEN + late - timedelta(milliseconds=1)) is None
    assert planned(spread, TEN + late).runs == (TEN,)
    assert delay(spread, at(2)) != late


def test_a_disabled_job_has_no_next_run() -> None:
    assert job(enabled=False).due_after(TEN) is UNSET


def test_a_moment_that_has_passed_is_refused() -> None:
    once = job(schedule="once at 2026-05-01T10:00")
    assert once.checked(at(-1)).next_run == TEN
    with pytest.raises(Invalid, match="that moment has passed"):
        once.checked(TEN)


def test_a_policy_changes_in_what_is_given_only() -> None:
    before = Policy(missed="all", time_limit=5.0)
    after = PolicyChange(overlap="queue", time_limit=None).applied_to(before)
    assert after == Policy(missed="all", overlap="queue")


def test_a_preview_says_when_and_what() -> None:
    seen = preview("30 1 * * *", "America/New_York", datetime(2026, 10, 31, 12, tzinfo=UTC), 2)
    assert seen.reading == "At 01:30 every day (America/New_York)"
    # The clock shows 01:30 twice on the first of November: the first time counts.
    assert [moment.utc.isoformat() for moment in seen.next_runs] == [
        "2026-11-01T05:30:00+00:00",
        "2026-11-02T06:30:00+00:00",
    ]
    assert [moment.local.isoformat() for moment in seen.next_runs] == [
        "2026-11-01T01:30:00-04:00",
        "2026-11-02T01:30:00-05:00",
    ]


def test_a_preview_of_one_moment_has_one() -> None:
    seen = preview("once at 2026-12-01T09:00", "Europe/Berlin", TEN)
    assert seen.reading == "Once, at 2026-12-01 09:00 (Europe/Berlin)"
    assert [moment.utc for moment in seen.next_runs] == [datetime(2026, 12, 1, 8, tzinfo=UTC)]
    assert preview("once at 2026-01-01T09:00Z", "UTC", TEN).next_runs == ()


@pytest.mark.parametrize(
    ("payload", "task"),
    [
        ("", Task()),
        ("Make the plan", Task(message="Make the plan")),
        (
            '{"message": "Hi", "agent": "planner", "session": "day", "deliver": ["voice"], "x": 1}',
            Task("Hi", "planner", "day", (Address("voice"),)),
        ),
        ('{"message": "Hi"}', Task("Hi")),
        (
            '{"message": "Hi", "deliver": {"channel": "web", "to": "day"}}',
            Task("Hi", deliver=(Address("web", "day"),)),
        ),
        (
            '{"tool": "memory_read", "arguments": {"key": "a"}}',
            Task(tool="memory_read", arguments={"key": "a"}),
        ),
        ('{"heartbeat": true, "session": "day"}', Task(HEARTBEAT, session="day", heartbeat=True)),
        ('{"action": "health_check"}', Task('{"action": "health_check"}')),
        ('{"message": "Hi",}', Task('{"message": "Hi",}')),
        ("[1, 2]", Task("[1, 2]")),
        ("[" * 100_000, Task("[" * 100_000)),
        ("{name}, good morning", Task("{name}, good morning")),
    ],
)
def test_a_payload_is_an_object_with_a_message_or_the_message(payload: str, task: Task) -> None:
    assert read_payload(payload) == task


@pytest.mark.parametrize(
    "payload",
    [
        '{"message": 1}',
        '{"message": "a", "agent": "../b"}',
        '{"message": "a", "session": ""}',
        '{"message": "a", "deliver": 7}',
        '{"message": "a", "deliver": {"to": "day"}}',
        '{"tool": "a", "arguments": []}',
    ],
)
def test_a_payload_with_a_wrong_member_names_it(payload: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_payload(payload)
    assert refused.value.path == "$.payload"
    assert "$." in str(refused.value).split("payload")[1]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ('{"message": "a", "tool": "b"}', "a message and a tool"),
        ('{"heartbeat": true}', "a heartbeat names a session"),
        ('{"message": "a", "deliver": "web"}', "say the session in `to`"),
    ],
)
def test_a_payload_that_contradicts_itself_says_how(payload: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read_payload(payload)
