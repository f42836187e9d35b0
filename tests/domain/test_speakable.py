"""What is read aloud of an answer, and what of it was heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.speakable import LONGEST, Sentences, as_interrupted, heard_of, plain
from clawft.domain.spoken import is_stop


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Bold** and `code`.", "Bold and code."),
        ("# Title\n\nSome *text*.", "Title Some text."),
        ("See [the manual](https://example.org/x).", "See the manual."),
        ("![a cat](cat.png)", "a cat"),
        ("- one\n- two", "one two"),
        ("go to https://example.org/a?b=c now", "go to a link now"),
        ("a_b and snake_case_name", "a_b and snake_case_name"),
        ("```py\nprint(1)\n```", "There is some code; it is in the chat."),
        ("---", ""),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ", a , b , , 1 , 2 ,"),
    ],
)
def test_markdown_is_not_read_out(text: str, said: str) -> None:
    assert plain(text) == said


def sentences(*pieces: str) -> list[str]:
    splitter = Sentences()
    found = [sentence for piece in pieces for sentence in splitter.add(piece)]
    return [*found, *splitter.end()]


def test_a_sentence_is_spoken_as_soon_as_the_next_one_begins() -> None:
    splitter = Sentences()
    assert splitter.add("It is nine") == ()
    assert splitter.add(" o'clock. ") == ("It is nine o'clock.",)
    assert splitter.end() == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Dr. Smith pays 3.5 percent. Really?", ["Dr. Smith pays 3.5 percent.", "Really?"]),
        ("J. Doe came. So did I.", ["J. Doe came.", "So did I."]),
        ("今日は晴れです。明日は雨です。", ["今日は晴れです。", "明日は雨です。"]),
        ("One:\n\n- a thing\n- another", ["One:", "a thing", "another"]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_code_is_never_cut_in_two_and_never_read_out() -> None:
    text = "Do this. ```sh\nrm -rf x. y! z\nmore. and more\n``` Then stop."
    assert sentences(*text) == ["Do this.", "There is some code; it is in the chat. Then stop."]


def test_a_text_without_an_end_is_spoken_in_pieces() -> None:
    found = sentences("word " * 200)
    assert max(map(len, found)) <= LONGEST
    assert " ".join(found) == ("word " * 200).strip()


@given(st.lists(st.text("ab .!?\n", max_size=20), max_size=10))
def test_nothing_said_is_lost_however_it_comes(pieces: list[str]) -> None:
    together = "".join(sentences("".join(pieces))).replace(" ", "")
    apart = "".join(sentences(*pieces)).replace(" ", "")
    assert apart == together


def test_what_was_heard_is_known_to_the_word() -> None:
    spoken = [("one two three four", 2.0), ("five six", 1.0)]
    assert heard_of(spoken, 0.0) == ""
    assert heard_of(spoken, 1.0) == "one two"
    assert heard_of(spoken, 2.2) == "one two three four"
    assert heard_of(spoken, 9.0) == "one two three four five six"


def test_what_was_not_heard_is_marked() -> None:
    kept = as_interrupted(["One two.", "Three four."], "One two.")
    assert kept == "One two. [interrupted here; not heard: Three four.]"
    assert as_interrupted(["One two."], "One two.") == "One two."


@pytest.mark.parametrize("words", ["Stop!", "cancel", "Stop it.", "never mind"])
def test_a_few_words_stop_it(words: str) -> None:
    assert is_stop(words, "en")


@pytest.mark.parametrize("words", ["stop the running task", "", "cancel the alarm for tomorrow"])
def test_a_sentence_that_begins_like_one_does_not(words: str) -> None:
    assert not is_stop(words, "en")
