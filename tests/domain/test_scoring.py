"""Scoring: what can be seen of a turn from outside."""

import pytest

from clawft.domain.scoring import GOOD, score
from clawft.domain.turns import TurnEnd


def test_an_answer_without_trouble_is_worth_everything() -> None:
    assert score("answered", said="Yes.", calls=3, failed_calls=0) == 1.0


def test_failed_calls_cost_up_to_half() -> None:
    assert score("answered", said="Well.", calls=4, failed_calls=2) == 0.75
    assert score("answered", said="Well.", calls=4, failed_calls=4) == GOOD


def test_an_answer_without_a_word_is_no_success() -> None:
    assert 0 < score("answered", said=" \n", calls=0, failed_calls=0) < GOOD


@pytest.mark.parametrize("end", ["model_error", "tool_limit", "time_limit", "repeated_call", "stopped"])
def test_a_turn_that_did_not_answer_is_worth_nothing(end: TurnEnd) -> None:
    assert score(end, said="half an ans", calls=0, failed_calls=0) == 0.0
