"""A host that is killed loses nothing that it acknowledged."""

from pathlib import Path

from tests.faults.killed import kill_rounds


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    tally = kill_rounds(tmp_path / "data", 5)
    assert tally.acknowledged > 500
    assert (tally.lost, tally.sound) == (0, True)


def test_a_store_that_acknowledges_early_is_caught(tmp_path: Path) -> None:
    lost = (kill_rounds(tmp_path / f"data-{number}", 1, early=True).lost for number in range(10))
    assert any(lost)
