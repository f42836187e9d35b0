"""Cron through crashes and wrong clocks, over the night in which Berlin sets its clocks back."""

import pytest

from tests.faults.cron_days import run
from tests.faults.play import chosen, listed


def test_every_slot_runs_once_or_says_why_not_through_crashes_and_wrong_clocks() -> None:
    figures = run(long=False)
    assert figures.wrong == ()
    assert figures.most_runs_of_a_slot == 1
    assert figures.most_catch_ups <= 1
    assert figures.crashes >= 25
    assert figures.clock_changes >= 1
    assert figures.begun > figures.skipped


def test_a_fault_is_played_by_its_first_word() -> None:
    assert chosen(["cron"]) == ["cron_days"]
    assert "cron_days" in chosen(["all"])
    assert "cron_days " in listed()
    with pytest.raises(SystemExit, match="no fault is called 'cro'"):
        chosen(["cro"])
