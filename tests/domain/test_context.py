"""Context: what a model is shown, and what no longer fits."""

from datetime import UTC, datetime

from clawft.domain.context import OLD_RESULT, as_shown, estimate_tokens, history, shortened
from clawft.domain.sessions import ChatMessage, Role, ToolCallInfo

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def said(role: Role, content: str, *calls: ToolCallInfo) -> ChatMessage:
    if role == "assistant":
        return ChatMessage(role, content, AT, calls)
    return ChatMessage(role, content, AT)


def turn(number: int, length: int = 40) -> tuple[ChatMessage, ...]:
    return said("user", f"q{number}".ljust(length)), said("assistant", f"a{number}".ljust(length))


def test_everything_is_shown_while_it_fits() -> None:
    shown = history([turn(1), turn(2)], budget=40)
    assert [message.content.strip() for message in shown] == ["q1", "a1", "q2", "a2"]


def test_the_oldest_turns_are_left_out_first_and_whole() -> None:
    shown = history([turn(1), turn(2), turn(3)], budget=45)
    assert [message.content.strip() for message in shown] == ["q2", "a2", "q3", "a3"]


def test_a_turn_that_is_too_large_hides_what_came_before_it() -> None:
    shown = history([turn(1), turn(2, 4000), turn(3)], budget=100)
    assert [message.content.strip() for message in shown] == ["q3", "a3"]


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
