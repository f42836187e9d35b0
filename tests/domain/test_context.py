"""Context: what a model is shown, and what no longer fits."""

from collections.abc import Sequence
from datetime import UTC, datetime

from clawft.domain.compaction import is_worth_it, order, parted
from clawft.domain.context import (
    OLD_RESULT,
    Said,
    Shown,
    as_shown,
    estimate_tokens,
    history,
    shortened,
    size,
    taken_before,
)
from clawft.domain.fitting import fit
from clawft.domain.models import ModelMessage
from clawft.domain.sessions import ChatMessage, Role, ToolCallInfo

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def said(role: Role, content: str, *calls: ToolCallInfo) -> ChatMessage:
    if role == "assistant":
        return ChatMessage(role, content, AT, calls)
    return ChatMessage(role, content, AT)


def turn(number: int, length: int = 40) -> tuple[Said, ...]:
    question, answer = f"q{number}".ljust(length), f"a{number}".ljust(length)
    return (
        Said(2 * number - 1, f"t{number}", said("user", question)),
        Said(2 * number, f"t{number}", said("assistant", answer)),
    )


def rows(*turns: tuple[Said, ...]) -> list[Said]:
    return [each for turn in turns for each in turn]


def of(turns: Sequence[Sequence[Said]]) -> list[str]:
    return [message.content.strip() for message in history(turns)]


def test_turns_are_put_together_though_their_messages_lie_between_each_other() -> None:
    first, second, third = turn(1), turn(2), turn(3)
    mixed = [first[0], second[0], third[0], first[1], second[1]]
    assert of(taken_before(mixed, "t3")) == ["q1", "a1", "q2", "a2"]


def test_what_waits_is_not_shown_though_it_came_before() -> None:
    assert of(taken_before(rows(turn(1), turn(2)[:1], turn(3)[:1]), "t3", frozenset({"t2"}))) == ["q1", "a1"]


def test_everything_stays_as_it_is_while_it_fits() -> None:
    old, kept = parted([turn(1), turn(2)], budget=40)
    assert (old, of(kept)) == ([], ["q1", "a1", "q2", "a2"])


def test_the_oldest_turns_are_summed_up_first_and_whole_and_leave_room_for_more() -> None:
    old, kept = parted([turn(number) for number in range(1, 6)], budget=90)
    assert (of(old), of(kept)) == (["q1", "a1", "q2", "a2", "q3", "a3"], ["q4", "a4", "q5", "a5"])


def test_a_turn_that_is_too_large_is_summed_up_with_what_came_before_it() -> None:
    old, kept = parted([turn(1), turn(2, 4000), turn(3)], budget=100)
    assert (len(old), of(kept)) == (2, ["q3", "a3"])


def test_an_order_to_sum_up_has_room_whatever_there_is_to_sum_up() -> None:
    asked = order("So far so good.", [turn(number, 5_000) for number in range(1, 200)], 2_000)
    assert size(asked) <= 2_000
    assert "Earlier summary: So far so good." in asked.content
    assert "characters left out" in asked.content


def test_a_summary_that_gains_little_or_says_nothing_is_not_worth_it() -> None:
    assert is_worth_it(100, "x" * 200)
    assert not is_worth_it(100, "x" * 204)
    assert not is_worth_it(100, "  ")


def result(length: int, id: str = "c1") -> ModelMessage:
    return ModelMessage("tool", "x" * length, tool_call_id=id)


def showing(room: int, *own: ModelMessage) -> Shown:
    earlier = (ModelMessage("user", "y" * 4_000), ModelMessage("assistant", "z" * 4_000))
    return Shown(ModelMessage("system", "s" * 40), earlier, (ModelMessage("user", "q" * 40), *own), room)


def test_what_fits_is_shown_as_it_is() -> None:
    shown = showing(10_000, result(20_000))
    assert fit(shown) is shown


def test_results_are_cut_before_anything_is_left_out() -> None:
    fitted = fit(showing(4_000, result(20_000)))
    assert fitted is not None
    assert fitted.tokens <= 4_000
    assert len(fitted.earlier) == 2
    assert "read_result with call_id 'c1'" in fitted.own[-1].content


def test_earlier_turns_are_left_out_when_cutting_is_not_enough() -> None:
    fitted = fit(showing(900, result(20_000)))
    assert fitted is not None
    assert (fitted.earlier, len(fitted.own)) == ((), 2)


def test_results_are_cut_more_at_last_and_then_there_is_no_more_room() -> None:
    fitted = fit(showing(500, *(result(20_000, f"c{number}") for number in range(4))))
    assert fitted is not None
    assert fitted.tokens <= 500
    assert fit(showing(10, result(20_000))) is None


def test_a_call_is_shown_with_its_result_before_what_was_said() -> None:
    call = ToolCallInfo("c1", "read_file", '{"path":"a"}', "text of a")
    asks, result, answer = as_shown(said("assistant", "It says so.", call))
    assert (asks.role, asks.tool_calls) == ("assistant", (call,))
    assert (result.role, result.tool_call_id, result.content) == ("tool", "c1", "text of a")
    assert (answer.role, answer.content) == ("assistant", "It says so.")


def test_a_call_that_never_ended_still_has_a_result() -> None:
    _, result = as_shown(said("assistant", "", ToolCallInfo("c1", "read_file", "{}")))
    assert (result.role, result.tool_call_id) == ("tool", "c1")
    assert "ended first" in result.content


def test_a_long_result_of_an_earlier_turn_is_shortened_and_says_so() -> None:
    _, result = as_shown(said("assistant", "", ToolCallInfo("c1", "read_file", "{}", "x" * 50_000)))
    assert len(result.content) < OLD_RESULT + 100
    assert "48000 characters left out" in result.content


def test_a_short_text_is_not_touched() -> None:
    assert shortened("abc", 3) == "abc"


def test_tokens_are_estimated_upwards() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
