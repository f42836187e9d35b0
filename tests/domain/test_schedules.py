"""Schedules: words, fields, zones, and both sides of daylight saving."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from clawft.domain.schedules import CronFields, Interval, parse_schedule, parse_zone
from clawft.errors import Invalid

NOON = datetime(2026, 5, 1, 12, 7, 30, tzinfo=UTC)  # a Friday


def due(text: str, after: datetime = NOON, zone: str = "UTC", count: int = 3) -> list[str]:
    schedule, instants = parse_schedule(text), []
    for _ in range(count):
        found = schedule.after(after, parse_zone(zone))
        assert found is not None
        assert found > after
        assert found.tzinfo is UTC
        instants.append(f"{found:%m-%d %H:%M}")
        after = found
    return instants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 * * * *", ["05-01 13:00", "05-01 14:00", "05-01 15:00"]),
        ("*/20 9-17 * * MON-FRI", ["05-01 12:20", "05-01 12:40", "05-01 13:00"]),
        ("  30   10 * *   mon,WED ", ["05-04 10:30", "05-06 10:30", "05-11 10:30"]),
        ("0 0 L * *", ["05-31 00:00", "06-30 00:00", "07-31 00:00"]),
        ("0 0 1 jan,7 *", ["07-01 00:00", "01-01 00:00", "07-01 00:00"]),
        ("@hourly", ["05-01 13:00", "05-01 14:00", "05-01 15:00"]),
        ("@Weekly", ["05-03 00:00", "05-10 00:00", "05-17 00:00"]),
        ("every minute", ["05-01 12:08", "05-01 12:09", "05-01 12:10"]),
        ("every 10 minutes", ["05-01 12:10", "05-01 12:20", "05-01 12:30"]),
        ("Every  60 minutes", ["05-01 13:00", "05-01 14:00", "05-01 15:00"]),
        ("every hour", ["05-01 13:00", "05-01 14:00", "05-01 15:00"]),
        ("every 6 hours", ["05-01 18:00", "05-02 00:00", "05-02 06:00"]),
        ("every day", ["05-02 00:00", "05-03 00:00", "05-04 00:00"]),
        ("every day at 10:30", ["05-02 10:30", "05-03 10:30", "05-04 10:30"]),
        ("every weekday at 9:00", ["05-04 09:00", "05-05 09:00", "05-06 09:00"]),
        ("every weekend at 9:00", ["05-02 09:00", "05-03 09:00", "05-09 09:00"]),
        ("every monday at 10:30", ["05-04 10:30", "05-11 10:30", "05-18 10:30"]),
        ("every monday, tuesday and friday", ["05-04 00:00", "05-05 00:00", "05-08 00:00"]),
        ("every sundays at 0:05", ["05-03 00:05", "05-10 00:05", "05-17 00:05"]),
    ],
)
def test_a_schedule_names_these_instants(text: str, expected: list[str]) -> None:
    assert due(text) == expected


def test_a_step_that_does_not_divide_the_hour_keeps_its_distance() -> None:
    assert parse_schedule("every 45 minutes") == Interval(45)
    instants = [
        datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M") for text in due("every 45 minutes", count=9)
    ]
    assert {(later - earlier).seconds for earlier, later in pairwise(instants)} == {45 * 60}


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("once at 2026-12-01T09:00", "UTC", "12-01 09:00"),
        ("Once at 2026-12-01 09:00", "Europe/Berlin", "12-01 08:00"),
        ("once 2026-12-01t09:00:00z", "Europe/Berlin", "12-01 09:00"),
        ("once at 2026-12-01T09:00+05:30", "Europe/Berlin", "12-01 03:30"),
    ],
)
def test_once_is_due_once(text: str, zone: str, expected: str) -> None:
    assert due(text, zone=zone, count=1) == [expected]
    assert parse_schedule(text).after(utc(2026, 12, 1, 9), parse_zone(zone)) is None


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("once at 2027-03-14T02:30", "America/New_York", "03-14 07:00"),
        ("once at 2026-11-01T01:30", "America/New_York", "11-01 05:30"),
        ("once at 2026-10-04T02:15", "Australia/Lord_Howe", "10-03 15:30"),
    ],
)
def test_once_at_a_time_that_is_skipped_or_comes_twice_is_due_once(
    text: str, zone: str, expected: str
) -> None:
    assert due(text, zone=zone, count=1) == [expected]
    assert parse_schedule(text).after(utc(2027, 4, 1), parse_zone(zone)) is None


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("30 10 * * 1-5", "At 10:30 on Monday through Friday"),
        ("every 10 minutes", "Every 10th minute of every hour"),
        ("every 45 minutes", "Every 45 minutes of elapsed time"),
        ("every 36 hours", "Every 36 hours of elapsed time"),
        ("once at 2026-12-01T09:00", "Once, at 2026-12-01 09:00"),
    ],
)
def test_a_schedule_can_be_read_in_plain_english(text: str, reading: str) -> None:
    assert parse_schedule(text).explain() == reading


def test_words_and_fields_that_mean_the_same_are_the_same() -> None:
    assert parse_schedule("every day at 10:30") == CronFields("30 10 * * *")
    assert parse_schedule("every 24 hours") == parse_schedule("@daily") == parse_schedule("every day")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("61 * * * *", "'61' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day of the month"),
        ("0 0 1 13 *", "'13' is no month"),
        ("0 0 1 * 8", "'8' is no day of the week"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("1,,2 * * * *", "'1,,2' is no minute"),
        ("0 0 31 2 *", "no date matches"),
        ("@fortnightly", "'@fortnightly' is none of"),
        ("every 0 minutes", "one minute to one year"),
        ("every 999999 days", "one minute to one year"),
        ("every 30 seconds", "expected five cron fields"),
        ("every moonday at 10:30", "'moonday' is no day"),
        ("every day at 25:00", "25:00 is no time of the day"),
        ("every", "expected five cron fields"),
        ("whenever", "1 fields"),
        ("once at noon", "followed by a date and a time"),
        ("once", "followed by a date and a time"),
        ("once at 2026-13-01T09:00", "'2026-13-01T09:00' is no date and time"),
        ("once at 0001-01-01T09:00", "the year 1 is out of reach"),
    ],
)
def test_a_schedule_that_means_nothing_says_why(text: str, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_schedule(text)
    assert named in str(refused.value)
    assert refused.value.path == "$.schedule"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "America", "zone.tab", "x" * 5000])
def test_an_unknown_zone_names_its_field(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_zone(name)
    assert refused.value.path == "$.timezone"


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc,arg-type]  # mypy counts the starred integers as tzinfo


NEW_YORK = "America/New_York"


def test_a_time_is_read_in_the_zone_of_the_job() -> None:
    assert due("30 10 * * *", zone="Asia/Kolkata", count=1) == ["05-02 05:00"]
    assert due("every 30 minutes", zone="Asia/Kathmandu", count=2) == ["05-01 12:15", "05-01 12:45"]


def test_a_time_the_clock_skips_is_due_once_right_after_the_jump() -> None:
    # 2026-03-08, New York: 02:00 EST is followed by 03:00 EDT, which is 07:00 UTC.
    assert due("30 2 * * *", utc(2026, 3, 8, 5), NEW_YORK, 2) == ["03-08 07:00", "03-09 06:30"]
    assert due("0,30 2 * * *", utc(2026, 3, 8, 5), NEW_YORK, 2) == ["03-08 07:00", "03-09 06:00"]


def test_a_time_the_clock_shows_twice_is_due_the_first_time_only() -> None:
    # 2026-11-01, New York: 01:30 EDT is 05:30 UTC, 01:30 EST is 06:30 UTC.
    assert due("30 1 * * *", utc(2026, 11, 1, 4), NEW_YORK, 2) == ["11-01 05:30", "11-02 06:30"]


def test_looking_again_within_the_repeated_hour_never_goes_back() -> None:
    assert due("30 1 * * *", utc(2026, 11, 1, 6, 10), NEW_YORK, 1) == ["11-02 06:30"]


def test_every_hour_follows_elapsed_time_over_both_changes() -> None:
    hours = due("0 * * * *", utc(2026, 11, 1, 4, 30), NEW_YORK)
    assert hours == ["11-01 05:00", "11-01 06:00", "11-01 07:00"]
    hours = due("0 * * * *", utc(2026, 3, 8, 5, 30), NEW_YORK)
    assert hours == ["03-08 06:00", "03-08 07:00", "03-08 08:00"]


def test_a_day_that_begins_in_a_gap_still_has_its_midnight_job() -> None:
    # Cairo goes from 00:00 to 01:00 on 2026-04-24: 22:00 UTC the day before.
    assert due("0 0 * * *", utc(2026, 4, 23, 12), "Africa/Cairo", 2) == ["04-23 22:00", "04-24 21:00"]
