"""Every row of the faults, in its short form. `scripts/faults` plays the long ones."""

import importlib

import pytest

ROWS = (
    "killed_host",
    "disk_full",
    "database_locked",
    "migration_killed",
    "fuzz",
    "terminated",
    "stalled_sockets",
    "flooded",
    "soak",
)


@pytest.mark.parametrize("row", ROWS)
def test_what_must_hold_holds(row: str) -> None:
    figures = importlib.import_module(f"tests.faults.{row}").run(long=False)
    assert figures.wrong == (), str(figures)
    assert figures.said
