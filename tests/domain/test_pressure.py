"""Memory: what is shed when it is short, and that it does not go to and fro."""

from clawft.domain.pressure import Pressure, pressure_at


def test_what_is_idle_goes_first_and_then_new_work() -> None:
    seen: list[Pressure] = []
    pressure: Pressure = "none"
    for used in (50, 100, 100, 95, 91, 89, 95, 120, 95, 120):
        pressure = pressure_at(used, 100, pressure)
        seen.append(pressure)
    assert seen == ["none", "idle", "work", "work", "work", "none", "none", "idle", "idle", "work"]


def test_without_a_limit_nothing_is_shed() -> None:
    assert pressure_at(10**15, 0, "work") == "none"
