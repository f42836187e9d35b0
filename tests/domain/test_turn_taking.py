"""Turn taking, fed with probabilities: when somebody begins, ends, and interrupts."""

import pytest

from clawft.domain.turn_taking import PIECE, Began, Ended, Rules, TurnTaking

SPEECH, SILENCE = 0.9, 0.1


@pytest.fixture
def turns() -> TurnTaking:
    return TurnTaking(Rules())


def feed(turns: TurnTaking, probability: float, seconds: float) -> list[tuple[float, Began | Ended]]:
    """What came of it, each with the seconds after which it came."""
    found = []
    for number in range(round(seconds / PIECE)):
        if (news := turns.hear(probability)) is not None:
            found.append(((number + 1) * PIECE, news))
    return found


def test_an_utterance_begins_within_100_ms_and_ends_after_the_silence(turns: TurnTaking) -> None:
    turns.listen()
    assert feed(turns, SILENCE, 1.0) == []
    ((at, began),) = feed(turns, SPEECH, 1.0)
    assert began == Began()
    assert at <= 0.1
    ((at, ended),) = feed(turns, SILENCE, 2.0)
    assert ended == Ended("silence")
    assert 0.6 <= at <= 0.7


def test_a_pause_within_a_sentence_does_not_end_it(turns: TurnTaking) -> None:
    turns.listen()
    feed(turns, SPEECH, 0.5)
    assert feed(turns, SILENCE, 0.5) == []
    assert feed(turns, SPEECH, 0.5) == []
    assert [news for _, news in feed(turns, SILENCE, 1.0)] == [Ended("silence")]


def test_a_click_is_not_an_utterance(turns: TurnTaking) -> None:
    turns.listen()
    assert feed(turns, SPEECH, 2 * PIECE) == []
    assert feed(turns, SILENCE, 0.2) == []
    feed(turns, SPEECH, 4 * PIECE)
    assert [news for _, news in feed(turns, SILENCE, 1.0)] == [Ended("nothing")]


def test_a_monologue_is_cut(turns: TurnTaking) -> None:
    turns.listen()
    found = feed(turns, SPEECH, 20.0)
    assert [news for _, news in found] == [Began(), Ended("too_long"), Began(aside=True)]
    assert found[1][0] == pytest.approx(15.0, abs=0.2)


@pytest.mark.parametrize(("patience", "ends"), [(2.0, [Ended("nothing")]), (0.0, [])])
def test_who_says_nothing_is_not_waited_for_for_ever_unless_in_talk_mode(
    turns: TurnTaking, patience: float, ends: list[Ended]
) -> None:
    turns.listen(patience=patience)
    assert [news for _, news in feed(turns, SILENCE, 30.0)] == ends


def test_nothing_is_heard_while_nobody_listens(turns: TurnTaking) -> None:
    assert feed(turns, SPEECH, 2.0) == []
    assert not turns.needs_ear


def test_what_is_said_while_the_host_thinks_is_said_aside(turns: TurnTaking) -> None:
    turns.wait()
    assert [news for _, news in feed(turns, SPEECH, 1.0)] == [Began(aside=True)]


def test_the_host_is_interrupted_within_200_ms(turns: TurnTaking) -> None:
    turns.wait()
    turns.start_playing()
    ((at, began),) = feed(turns, SPEECH, 1.0)
    assert began == Began(interrupting=True)
    assert 0.15 <= at <= 0.2


def test_what_the_echo_canceller_lets_through_now_and_then_is_no_interruption(turns: TurnTaking) -> None:
    turns.wait()
    turns.start_playing()
    for _ in range(50):
        assert feed(turns, SPEECH, 3 * PIECE) == []
        assert feed(turns, SILENCE, 3 * PIECE) == []


def test_nobody_interrupts_for_a_second_after_samples_were_lost(turns: TurnTaking) -> None:
    turns.wait()
    turns.start_playing()
    turns.overrun()
    assert feed(turns, SPEECH, 0.95) == []
    assert [news for _, news in feed(turns, SPEECH, 0.5)] == [Began(interrupting=True)]


def test_without_echo_cancelling_the_host_does_not_hear_itself(turns: TurnTaking) -> None:
    turns.half_duplex = True
    turns.wait()
    turns.start_playing()
    assert feed(turns, SPEECH, 5.0) == []
    turns.stop_playing()
    turns.listen()
    ((at, began),) = feed(turns, SPEECH, 1.0)
    assert began == Began()
    assert at > turns.rules.hold_after_own_voice


def test_the_button_begins_and_ends_an_utterance_whatever_is_heard(turns: TurnTaking) -> None:
    assert turns.press() == Began()
    assert turns.press() is None
    assert feed(turns, SILENCE, 5.0) == []
    assert turns.release() == Ended("released")
    assert turns.release() is None


def test_the_button_interrupts(turns: TurnTaking) -> None:
    turns.half_duplex = True
    turns.wait()
    turns.start_playing()
    assert turns.press() == Began(interrupting=True)


def test_a_button_that_is_never_let_go_is_let_go_after_the_longest_utterance(turns: TurnTaking) -> None:
    turns.press()
    assert [news for _, news in feed(turns, SPEECH, 15.03)] == [Ended("too_long")]
    assert turns.release() is None
