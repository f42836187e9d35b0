"""Starts: crashes are counted, orderly ends are not, and a damaged file keeps nobody from starting."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from clawft.drivers.starts import MOST, Starts

WITHIN = timedelta(minutes=10)


def begin(path: Path) -> Starts:
    starts = Starts(path)
    starts.begin(safe=False)
    return starts


def test_starts_without_an_end_are_crashes(tmp_path: Path) -> None:
    path = tmp_path / "starts.json"
    for _ in range(3):
        begin(path)
    now = datetime.now(UTC)
    assert Starts(path).crashes(WITHIN, now) == 3
    assert Starts(path).crashes(WITHIN, now + timedelta(minutes=11)) == 0
    begin(path).end()
    assert Starts(path).crashes(WITHIN, now) == 0
    begin(path)
    assert Starts(path).crashes(WITHIN, now) == 1


def test_no_more_than_so_many_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "starts.json"
    for _ in range(MOST + 5):
        begin(path)
    assert Starts(path).count == MOST


def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path) -> None:
    path = tmp_path / "starts.json"
    path.write_text("{")
    assert begin(path).count == 1
    assert Starts(path).count == 1
