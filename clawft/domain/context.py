"""Context: what a model is shown of the conversation, within a budget."""

from collections.abc import Container, Iterable, Sequence
from itertools import takewhile

from clawft.domain.agents import AgentSpec
from clawft.domain.models import ModelMessage
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.skills import SkillData
from clawft.domain.values import UNSET

CHARS_PER_TOKEN = 4
"""A rule of thumb for English; used where nobody counts for us, and marked as an estimate."""

OLD_RESULT = 2_000
"""Characters kept of a tool result of an earlier turn."""


def system_prompt(agent: AgentSpec, skills: Iterable[SkillData]) -> str:
    """What the model is told before the conversation: who it is, and which skills the agent may draw on."""
    words = agent.system_prompt or f"You are {agent.name}. {agent.description}".strip()
    named = [skill for skill in skills if skill.enabled and skill.name in agent.skills]
    lines = [f"- {skill.name}: {skill.description}" for skill in named]
    return "\n".join([words, "", "Your skills:", *lines]) if lines else words


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


def taken_before(
    rows: Iterable[tuple[str | None, ChatMessage]], turn_id: str, waiting: Container[str | None] = ()
) -> tuple[tuple[ChatMessage, ...], ...]:
    """Stored messages, each with the id of its turn, as the turns that were taken before ``turn_id``.

    A message that came while another was being answered lies between that one and its answer, so they are
    put together by turn. What waits behind ``turn_id`` is left out, though it
    may have come before, and so is an oldest turn without its
    beginning: an answer to nothing. A message of no turn stands for itself.
    """
    turns: dict[object, list[ChatMessage]] = {}
    for at, (turn, message) in enumerate(rows):
        if turn is not None and turn in waiting:
            continue
        turns.setdefault(at if turn is None else turn, []).append(message)
    earlier = takewhile(lambda turn: turn[0] != turn_id, turns.items())
    return tuple(
        tuple(messages) for turn, messages in earlier if messages[0].role == "user" or isinstance(turn, int)
    )


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
