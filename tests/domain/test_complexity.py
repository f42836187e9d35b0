"""Complexity: the number that chooses the tier."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.complexity import complexity
from clawft.domain.routing import FAST_BELOW

EASY = (
    "hi",
    "What time is it?",
    "thanks!",
    "How are you?",
    "translate 'good morning' to French",
    "/read_file a.txt",
)
HARD = (
    "Compare PostgreSQL and SQLite for our host, explain the trade-offs, then design a migration plan: "
    "it must not lose data, and should work without downtime unless the disk is full.",
    "Refactor this and explain why:\n```python\ndef f(x):\n    return x == x\n```\n"
    "1. add types\n2. add tests\n3. review",
)


@pytest.mark.parametrize("request_", EASY)
def test_small_talk_and_commands_are_for_the_fast_model(request_: str) -> None:
    assert complexity(request_) < FAST_BELOW


@pytest.mark.parametrize("request_", HARD)
def test_work_in_several_steps_is_for_the_strong_model(request_: str) -> None:
    assert complexity(request_) > 0.5


def test_a_command_leaves_nothing_to_work_out() -> None:
    assert complexity("/write_file path=a.txt " + "explain why " * 500) == 0.0


@given(st.text(max_size=2000))
def test_it_is_a_fraction_and_the_same_every_time(text: str) -> None:
    value = complexity(text)
    assert 0.0 <= value <= 1.0
    assert complexity(text) == value


@given(
    st.text(min_size=1, max_size=200).filter(lambda text: text.strip() and not text.strip().startswith("/"))
)
def test_saying_more_never_makes_it_simpler(text: str) -> None:
    assert complexity(text + "\n- and then explain why?") >= complexity(text)


def test_the_longest_request_is_judged_in_no_time() -> None:
    began = time.process_time()
    assert complexity("why does it do this; and then? " * 8_000) > 0.8
    assert time.process_time() - began < 0.1
