"""Delegation rules: which one a task falls under."""

from datetime import UTC, datetime, timedelta

import pytest

from clawft.domain.delegation import ActiveDelegation, DelegationRule, choose

TEN = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "task", "fits"),
    [
        ("code-review", "code-review", True),
        ("code-*", "code-review", True),
        ("*", "anything at all", True),
        ("web_* | code-*", "code-review", True),
        ("code-?", "code-review", False),
        ("Code-*", "code-review", False),
        ("[cw]*", "web_search", True),
        (" | ", "code-review", False),
    ],
)
def test_a_pattern_is_globs_of_which_one_must_fit(pattern: str, task: str, fits: bool) -> None:
    assert DelegationRule("rule", pattern, "someone").matches(task, 0.5) is fits


def test_a_rule_takes_tasks_up_to_its_threshold() -> None:
    rule = DelegationRule("rule", "*", "small", complexity_threshold=0.3)
    assert rule.matches("task", 0.3)
    assert not rule.matches("task", 0.300001)


def test_a_disabled_rule_takes_nothing() -> None:
    assert not DelegationRule("rule", "*", "someone", enabled=False).matches("task", 0.0)


def test_the_lowest_priority_wins_and_then_the_name() -> None:
    rules = tuple(
        DelegationRule(name, "*", name, priority=priority)
        for name, priority in (("c", 1), ("b", 0), ("a", 1), ("d", -1))
    )
    chosen = []
    while rules:
        rule = choose(rules, "task", 0.5)
        assert rule is not None
        chosen.append(rule.name)
        rules = tuple(each for each in rules if each != rule)
    assert chosen == ["d", "b", "a", "c"]
    assert choose((), "task", 0.5) is None


def test_a_delegation_took_no_time_when_the_clock_was_set_back() -> None:
    begun = ActiveDelegation("del-1", "sess-1", "planner", "pending", TEN, 0, "delegate_task", 0.5)
    assert begun.now("running", TEN + timedelta(seconds=1.5)).latency_ms == 1500
    assert begun.now("failed", TEN - timedelta(hours=1)).latency_ms == 0
