"""Cron jobs: payloads, and which of the slots that passed are run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clawft.domain.cron import CronJob, Firing, Task, firing, read_payload
from clawft.domain.values import UNSET
from clawft.errors import Invalid

TEN = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def job(**changes: Any) -> CronJob:
    given: dict[str, Any] = {
        "schedule": "*/2 * * * *",
        "enabled": True,
        "status": "idle",
        "next_run": TEN,
    } | changes
    return CronJob(id="cron-1", name="a job", **given)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def test_a_job_is_not_due_before_its_time() -> None:
    assert firing(job(), at(-0.01)) is None


def test_a_job_without_a_next_run_is_never_due() -> None:
    assert firing(job(next_run=UNSET), at(1000)) is None


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, Firing(at(0), None, at(2))),
        (1, Firing(at(0), None, at(2))),
        (2, Firing(at(2), at(0), at(4))),
        (3, Firing(at(2), at(0), at(4))),
        (61, Firing(at(60), at(0), at(62))),
    ],
)
def test_the_latest_slot_runs_once_and_the_ones_before_it_were_missed(
    minutes: float, expected: Firing
) -> None:
    assert firing(job(), at(minutes)) == expected


def test_what_is_beyond_the_grace_does_not_run() -> None:
    daily = job(schedule="every day at 10:00")
    assert firing(daily, at(5)) == Firing(at(0), None, at(24 * 60))
    assert firing(daily, at(5.01)) == Firing(None, at(0), at(24 * 60))
    assert firing(daily, at(24 * 60 + 1)) == Firing(at(24 * 60), at(0), at(48 * 60))


def test_a_minutely_job_asleep_for_a_year_is_settled_at_once() -> None:
    year = 365 * 24 * 60
    assert firing(job(schedule="* * * * *"), at(year)) == Firing(at(year), at(0), at(year + 1))


def test_a_disabled_job_has_no_next_run() -> None:
    assert job(enabled=False).due_after(TEN) is UNSET


@pytest.mark.parametrize(
    ("payload", "task"),
    [
        ("", Task()),
        ("Make the plan", Task(message="Make the plan")),
        (
            '{"message": "Hi", "agent": "planner", "session": "day", "deliver": ["web"], "x": 1}',
            Task("Hi", "planner", "day", ["web"]),
        ),
        ('{"message": "Hi"}', Task("Hi")),
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
    "payload", ['{"message": 1}', '{"message": "a", "agent": "../b"}', '{"message": "a", "session": ""}']
)
def test_a_payload_with_a_wrong_member_names_it(payload: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_payload(payload)
    assert refused.value.path == "$.payload"
    assert "$." in str(refused.value).split("payload")[1]
