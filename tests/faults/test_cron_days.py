"""Cron through crashes and wrong clocks, over the night in which Berlin sets its clocks back."""

from tests.faults.cron_days import run


def test_every_slot_runs_once_or_says_why_not_through_crashes_and_wrong_clocks() -> None:
    figures = run(long=False)
    assert figures.wrong == ()
    assert figures.most_runs_of_a_slot == 1
    assert figures.most_catch_ups <= 1
    assert figures.crashes >= 25
    assert figures.clock_changes >= 1
    assert figures.begun > figures.skipped
