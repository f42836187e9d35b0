"""Routing: kinds, tiers and the model that takes a request."""

import pytest

from clawft.domain.config import PipelineConfig
from clawft.domain.costs import Tier
from clawft.domain.routing import Kind, Route, kind_of, learned_tier, route, tier_of

BOTH = PipelineConfig(fast_model="a/small", strong_model="a/large")


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ("/tools", "command"),
        ('Use the read_file tool with {"path": "a.txt"}', "command"),
        ("Remember that the gate code is 4711", "memory"),
        ("what do you know about gates?", "memory"),
        ("summarise: one. two. three.", "summary"),
        ("TL;DR of this", "summary"),
        ("read the file notes.txt", "files"),
        ("list files", "files"),
        ("please debug this traceback", "code"),
        ("where is the station", "question"),
        ("Really?", "question"),
        ("good morning", "chat"),
        ("", "chat"),
    ],
)
def test_a_request_is_of_the_kind_it_begins_like(request_: str, kind: Kind) -> None:
    assert kind_of(request_) == kind


def test_the_tier_changes_at_a_complexity_of_thirty_hundredths() -> None:
    assert (tier_of(0.0), tier_of(0.299), tier_of(0.30), tier_of(1.0)) == (2, 2, 3, 3)


def test_each_tier_has_its_model() -> None:
    assert route("own/one", BOTH, 0.1) == Route("a/small", 2)
    assert route("own/one", BOTH, 0.9) == Route("a/large", 3)


def test_without_a_model_for_the_tier_the_agents_own_is_used() -> None:
    assert route("own/one", PipelineConfig(strong_model="a/large"), 0.1) == Route("own/one", 2)
    assert route("own/one", PipelineConfig(), 0.9) == Route("own/one", 3)


def test_a_session_made_for_one_model_keeps_it() -> None:
    assert route("child/model", BOTH, 0.9, fixed=True) == Route("child/model", 3)


def learned(complexity: float, tries: int, good: int, pipeline: PipelineConfig = BOTH) -> Tier:
    return learned_tier(tier_of(complexity), pipeline, complexity, {"a/small": (tries, good)})


def test_a_fast_model_that_fails_at_a_kind_is_passed_over() -> None:
    assert learned(0.1, 10, 4) == 3
    assert learned(0.1, 10, 5) == 2


def test_a_fast_model_that_does_well_is_given_harder_requests_but_not_the_hardest() -> None:
    assert learned(0.5, 10, 9) == 2
    assert learned(0.5, 10, 8) == 3
    assert learned(0.7, 100, 100) == 3


def test_little_experience_and_a_single_model_change_nothing() -> None:
    assert learned(0.1, 9, 0) == 2
    assert learned(0.1, 50, 0, PipelineConfig(fast_model="a/small")) == 2


def test_a_rule_names_the_model_unless_the_session_is_made_for_one() -> None:
    assert route("own/one", BOTH, 0.1, rule="b/other") == Route("b/other", 2)
    assert route("own/one", BOTH, 0.1, rule="b/other", fixed=True) == Route("own/one", 2)
