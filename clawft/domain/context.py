"""Context: what a model is shown of the conversation, within a budget."""

from collections.abc import Iterable, Sequence

from clawft.domain.models import ModelMessage
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.values import UNSET

CHARS_PER_TOKEN = 4
"""A rule of thumb for English; used where nobody counts for us, and marked as an estimate."""

OLD_RESULT = 2_000
"""Characters kept of a tool result of an earlier turn."""


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has; at least one for any text."""
    return -(-len(text) // CHARS_PER_TOKEN)


def size(message: ModelMessage) -> int:
    """About how many tokens a message costs, with the calls it makes."""
    calls = sum(estimate_tokens(call.name) + estimate_tokens(call.arguments) for call in message.tool_calls)
    return estimate_tokens(message.content) + calls


def history(turns: Sequence[Sequence[ChatMessage]], budget: int) -> tuple[ModelMessage, ...]:
    """The latest turns that fit in ``budget`` tokens, oldest first.

    A turn is shown whole or not at all: a tool call without its result would be refused by most models.
    """
    shown: list[tuple[ModelMessage, ...]] = []
    for turn in reversed(turns):
        messages = tuple(part for message in turn for part in as_shown(message))
        budget -= sum(size(message) for message in messages)
        if budget < 0:
            break
        shown.append(messages)
    return tuple(message for turn in reversed(shown) for message in turn)


def as_shown(message: ChatMessage) -> Iterable[ModelMessage]:
    """A stored message as a model is shown it: first the calls, each with its result, then what was said."""
    calls = () if message.tool_calls is UNSET else message.tool_calls
    if calls:
        yield ModelMessage(role="assistant", content="", tool_calls=calls)
        yield from (_result(call) for call in calls)
    if message.content:
        yield ModelMessage(role=message.role, content=message.content)


def _result(call: ToolCallInfo) -> ModelMessage:
    result = "(no result: the turn ended first)" if call.result is UNSET else call.result
    return ModelMessage(role="tool", content=shortened(result, OLD_RESULT), tool_call_id=call.id)


def shortened(text: str, most: int) -> str:
    """The head and the tail of a text longer than ``most`` characters, and how much is missing."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
