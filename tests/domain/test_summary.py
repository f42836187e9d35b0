"""Summaries: sentences of the text, the ones that say most."""

import time

from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.summary import sentences, summarise

TEXT = (
    "Actors own their state. Actors talk by messages only. Messages are ordered for each sender. "
    "The weather was nice on Sunday. A supervisor restarts failed actors and keeps their messages. "
    "Lunch was fine."
)


def test_it_keeps_what_the_text_is_about() -> None:
    short = summarise(TEXT, keep=3)
    assert "Actors own their state." in short
    assert "Lunch" not in short
    assert "weather" not in short


def test_sentences_stay_in_the_order_of_the_text() -> None:
    kept = sentences(summarise(TEXT, keep=3))
    assert kept == [sentence for sentence in sentences(TEXT) if sentence in kept]


def test_a_short_text_comes_back_whole() -> None:
    assert summarise("One thing. Another thing.") == "One thing. Another thing."
    assert summarise("") == ""


@given(st.text(max_size=2000), st.integers(1, 5))
def test_it_never_says_more_than_asked_for_nor_anything_of_its_own(text: str, keep: int) -> None:
    short, parts = summarise(text, keep), sentences(text)
    chosen = [part for part in parts if part in short]
    assert len(short) <= len(text)
    assert all(word in text for word in short.split())
    assert bool(short) == bool(chosen)


def test_the_longest_text_takes_a_moment_only() -> None:
    began = time.process_time()
    assert summarise("This sentence is about actors and their mailboxes number nine. " * 4_000)
    assert time.process_time() - began < 0.25
