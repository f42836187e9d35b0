"""Schedules: what the text of one means, and which instants it names."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from clawft.domain.values import Value
from clawft.errors import Invalid

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
HORIZON = 366 * 24 * 60
"""Minutes in the longest ``every N …`` that is taken: a year."""

UNDERSTOOD = (
    "five cron fields ('30 10 * * 1-5'), a macro such as '@hourly', or words such as 'every 10 minutes', "
    "'every hour', 'every day at 10:30', 'every weekday at 9:00', 'every monday and friday at 10:30' or"
    " 'once at 2026-12-01T09:00'"
)


class Schedule(Protocol):
    """When a job is due."""

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """The first due instant later than ``instant``, in UTC; None when there is none.

        Daylight saving, for a schedule that names its hours: a time that the clock skips is due once, at the
        moment the clock has jumped to; a time that the clock shows twice is due the first time only. With a
        ``*`` for the hour or the minute elapsed time counts, so a repeated hour is due again.
        """

    def explain(self) -> str:
        """The schedule in plain English."""


class CronFields(Value, frozen=True):
    """Five fields, as in crontab(5)."""

    expression: str

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        for due in self._matches(instant, zone):
            # After the second 01:10 of a repeated hour, cronsim names the first 01:30 again.
            if due > instant:
                return due
        return None

    def _matches(self, instant: datetime, zone: tzinfo) -> Iterator[datetime]:
        from cronsim import CronSim  # here, so that a host without jobs starts without it

        return (match.astimezone(UTC) for match in CronSim(self.expression, instant.astimezone(zone)))

    def explain(self) -> str:
        from cronsim import CronSim

        return CronSim(self.expression, datetime(2000, 1, 1, tzinfo=UTC)).explain()


class Interval(Value, frozen=True):
    """Every so many minutes of elapsed time, counted from the epoch: the same after every restart."""

    minutes: int

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        step = timedelta(minutes=self.minutes)
        epoch = datetime.fromtimestamp(0, UTC)
        return epoch + ((instant - epoch) // step + 1) * step

    def explain(self) -> str:
        count, unit = (self.minutes // 60, "hours") if self.minutes % 60 == 0 else (self.minutes, "minutes")
        return f"Every {count} {unit} of elapsed time"


class Once(Value, frozen=True):
    """One moment, by the clock of the job's zone unless the text says an offset of its own."""

    moment: datetime

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        due = self._instant(zone)
        return due if due > instant else None

    def _instant(self, zone: tzinfo) -> datetime:
        if self.moment.tzinfo is not None:
            return self.moment.astimezone(UTC)
        due = self.moment.replace(tzinfo=zone).astimezone(UTC)
        if due.astimezone(zone).replace(tzinfo=None) == self.moment:
            return due
        return _end_of_gap(self.moment, zone)

    def explain(self) -> str:
        return f"Once, at {self.moment.isoformat(' ', 'minutes')}"


def _end_of_gap(skipped: datetime, zone: tzinfo) -> datetime:
    """The instant the clock jumped over that time: the two readings of it lie on either side."""
    low, high = sorted(skipped.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


Schedules = CronFields | Interval | Once


@lru_cache(maxsize=1024)
def parse_schedule(text: str) -> Schedules:
    """What ``text`` means; ``Invalid`` says which part of it means nothing."""
    words = " ".join(text.split()).lower()
    if words.startswith("once"):
        return _once(text)
    if words.startswith("@"):
        return _macro(text, words)
    if words.startswith("every"):
        return _plain_words(text, words)
    return _fields(text, " ".join(text.split()))


def parse_zone(name: str) -> tzinfo:
    """The IANA time zone of that name. UTC needs no tables on the machine."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(
            f"no time zone is called {name!r}; an example is 'Europe/Berlin'", path="$.timezone"
        ) from error


def _refused(text: str, why: str) -> Invalid:
    return Invalid(f"the schedule {text!r} cannot be read: {why}", path="$.schedule")


def _macro(text: str, words: str) -> CronFields:
    if words not in MACROS:
        raise _refused(text, f"{words!r} is none of {', '.join(MACROS)}")
    return CronFields(MACROS[words])


def _fields(text: str, expression: str) -> CronFields:
    parts = expression.split()
    # cronsim would take a sixth field, for seconds.
    if len(parts) != len(FIELDS):
        raise _refused(text, f"it has {len(parts)} fields; expected {UNDERSTOOD}")
    for position, part in enumerate(parts):
        _check_field(text, position, part)
    fields = CronFields(expression)
    if not _ever_due(fields):
        raise _refused(text, "no date matches it")
    return fields


def _check_field(text: str, position: int, part: str) -> None:
    """Try one field among stars, so that the refusal can name it."""
    if not _readable(" ".join(part if index == position else "*" for index in range(len(FIELDS)))):
        raise _refused(text, f"{part!r} is no {FIELDS[position]}")


def _readable(expression: str) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


def _ever_due(fields: CronFields) -> bool:
    return _readable(fields.expression) and fields.after(datetime(2000, 1, 1, tzinfo=UTC), UTC) is not None


_ONCE = re.compile(r"once(?: at)? (?P<moment>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*)", re.IGNORECASE)
_STEP = re.compile(r"every(?: (?P<count>\d{1,9}))? (?P<unit>minute|hour|day)s?")
_AT = re.compile(r"every (?P<days>[a-z, ]+?)(?: at (?P<hour>\d{1,2}):(?P<minute>\d{2}))?")


def _once(text: str) -> Once:
    found = _ONCE.fullmatch(" ".join(text.split()))
    if not found:
        raise _refused(text, "'once at' is followed by a date and a time, as in 'once at 2026-12-01T09:00'")
    try:
        moment = datetime.fromisoformat(found["moment"].upper())
    except ValueError as error:
        raise _refused(text, f"{found['moment']!r} is no date and time") from error
    if not 1970 < moment.year < 9999:  # near the ends of the calendar a change of zone overflows
        raise _refused(text, f"the year {moment.year} is out of reach")
    return Once(moment)


def _plain_words(text: str, words: str) -> CronFields | Interval:
    if step := _STEP.fullmatch(words):
        return _step(text, int(step["count"] or 1), step["unit"])
    if at := _AT.fullmatch(words):
        return _at(text, at["days"], int(at["hour"] or 0), int(at["minute"] or 0))
    raise _refused(text, f"expected {UNDERSTOOD}")


def _step(text: str, count: int, unit: str) -> CronFields | Interval:
    minutes = count * {"minute": 1, "hour": 60, "day": 24 * 60}[unit]
    if not 1 <= minutes <= HORIZON:
        raise _refused(text, "a step is from one minute to one year")
    # Steps that divide the hour or the day follow the clock of the job's zone, as people expect of them.
    if minutes < 60 and 60 % minutes == 0:
        return CronFields(f"*/{minutes} * * * *")
    if minutes % 60 == 0 and 24 % (minutes // 60) == 0:
        return CronFields(f"0 */{minutes // 60} * * *" if minutes < 24 * 60 else "0 0 * * *")
    return Interval(minutes)


def _at(text: str, days: str, hour: int, minute: int) -> CronFields:
    if hour > 23 or minute > 59:
        raise _refused(text, f"{hour}:{minute:02} is no time of the day")
    names = [name for name in re.split(r",| and |\s", days) if name]
    weekdays = ",".join(_weekdays(text, name) for name in names)
    return CronFields(f"{minute} {hour} * * {weekdays}")


def _weekdays(text: str, name: str) -> str:
    groups = {"day": "*", "weekday": "1-5", "weekend": "6,0"}
    singular = name.removesuffix("s") if name != "s" else name
    if singular in groups:
        return groups[singular]
    if singular in WEEKDAYS:
        return str(WEEKDAYS.index(singular))
    raise _refused(text, f"{name!r} is no day; expected {UNDERSTOOD}")
