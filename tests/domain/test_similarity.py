"""Similarity between a query and what is remembered."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.memory import MemoryEntry
from clawft.domain.similarity import MAX_TEXT, Query, words
from tests.domain.memory_cases import BENT, ENTRIES, EXACT, STRANGERS

FREQUENCIES = Counter(
    word for entry in ENTRIES for word in set(words(" ".join((entry.key, entry.value, *entry.tags))))
)


def entry(key: str, value: str = "", *tags: str) -> MemoryEntry:
    return MemoryEntry(key, value, "default", tags, datetime(2026, 1, 1, tzinfo=UTC))


def scores(query: str) -> list[tuple[float, str]]:
    asked = Query(query, FREQUENCIES, len(ENTRIES))
    return sorted(((asked.similarity(each), each.key) for each in ENTRIES), reverse=True)


def test_the_example_of_the_contract_is_found() -> None:
    assert Query("auth").similarity(entry("pattern-auth", "JWT with refresh tokens")) >= 0.85


def test_an_exact_key_or_tag_is_as_good_as_certain() -> None:
    assert Query(" Pattern-AUTH ").similarity(entry("pattern-auth")) == 1.0
    assert Query("jwt").similarity(entry("k", "v", "JWT")) >= 0.95
    assert Query("!!!").similarity(entry("!!!")) == 1.0


def test_a_whole_word_of_the_key_is_worth_085_however_long_the_key() -> None:
    assert Query("e").similarity(entry("a-b-c-d-e-f-g-h")) >= 0.85
    assert Query("auth").similarity(entry("oauth")) < 0.85
    assert 0.85 <= Query("my_key").similarity(entry("my key one")) < 0.95


def test_a_word_of_no_letters_matches_nothing() -> None:
    assert Query("???").similarity(entry("key", "value")) == 0.0


@pytest.mark.parametrize(("query", "key"), EXACT.items())
def test_the_entry_s_own_words_find_it_above_the_stock_threshold(query: str, key: str) -> None:
    best = scores(query)[0]
    assert (best[1], best[0] >= 0.8) == (key, True)


def test_bent_and_mistyped_words_find_their_entry() -> None:
    found = {query: scores(query)[0] for query in BENT}
    assert {query: best[1] for query, best in found.items()} == BENT
    assert sum(best[0] >= 0.7 for best in found.values()) >= 0.9 * len(BENT)


def test_nothing_is_made_of_a_query_that_nothing_answers() -> None:
    assert {query: scores(query)[0] for query in STRANGERS if scores(query)[0][0] >= 0.7} == {}


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    query = Query("server kite", {"server": 90, "kite": 1}, 100)
    assert query.similarity(entry("a", "the kite")) > 0.7 > query.similarity(entry("b", "a server"))


def test_little_words_do_not_hide_what_was_asked() -> None:
    assert Query("what is the name of my dog").similarity(entry("pets", "dog: Rex, name tag blue")) > 0.8


@pytest.mark.parametrize(
    ("query", "text"),
    [("müller", "Muller"), ("STRASSE", "straße"), ("京都", "京都旅行の計画"), ("№5", "no5")],
)
def test_accents_case_and_scripts_do_not_matter(query: str, text: str) -> None:
    assert Query(query).similarity(entry("k", text)) >= 0.7


def test_only_the_head_of_a_huge_value_is_looked_at() -> None:
    assert Query("needle").similarity(entry("k", "x " * MAX_TEXT + "needle")) == 0.0


@given(
    st.text(max_size=60),
    st.text(min_size=1, max_size=30),
    st.text(max_size=80),
    st.lists(st.text(max_size=9)),
)
def test_every_score_is_between_0_and_1(query: str, key: str, value: str, tags: list[str]) -> None:
    assert 0.0 <= Query(query).similarity(entry(key, value, *tags)) <= 1.0
