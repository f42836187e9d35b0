"""Context: what a model is shown of the conversation, within a budget."""

from collections.abc import Container, Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from clawft.domain.agents import AgentSpec
from clawft.domain.models import ModelMessage
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.skills import SkillData
from clawft.domain.values import UNSET

CHARS_PER_TOKEN = 4
"""A rule of thumb for English; used where nobody counts for us, and marked as an estimate."""

OLD_RESULT = 2_000
"""Characters kept of a tool result of an earlier turn."""


class Said(NamedTuple):
    """A stored message, its number in the session and the turn it belongs to, if any."""

    seq: int
    turn_id: str | None
    message: ChatMessage


class Shown(NamedTuple):
    """What a model is shown, and the tokens there is room for."""

    first: ModelMessage
    """The system's words."""
    earlier: tuple[ModelMessage, ...]
    own: tuple[ModelMessage, ...]
    """Of the turn itself."""
    room: int

    @property
    def messages(self) -> tuple[ModelMessage, ...]:
        return (self.first, *self.earlier, *self.own)

    @property
    def tokens(self) -> int:
        return sum(map(size, self.messages))

    def with_more(self, *messages: ModelMessage) -> "Shown":
        return self._replace(own=(*self.own, *messages))

    def without_earlier_but(self, kept: Sequence[ModelMessage]) -> "Shown":
        return self._replace(earlier=tuple(kept))

    def of(self, messages: Sequence[ModelMessage]) -> "Shown":
        """The same with these messages in the places of those it has."""
        own = 1 + len(self.earlier)
        return self._replace(earlier=tuple(messages[1:own]), own=tuple(messages[own:]))


def system_prompt(agent: AgentSpec, skills: Iterable[SkillData], summary: str = "") -> str:
    """What the model is told before the conversation: who it is, which skills the agent may draw on, and a
    summary of what was said and is not shown any more."""
    words = agent.system_prompt or f"You are {agent.name}. {agent.description}".strip()
    named = [skill for skill in skills if skill.enabled and skill.name in agent.skills]
    lines = [f"- {skill.name}: {skill.description}" for skill in named]
    parts = [words]
    parts += ["", "Your skills:", *lines] if lines else []
    parts += ["", "What was said before, in short:", summary] if summary else []
    return "\n".join(parts)


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has; at least one for any text."""
    return -(-len(text) // CHARS_PER_TOKEN)


def size(message: ModelMessage) -> int:
    """About how many tokens a message costs, with the calls it makes."""
    calls = sum(estimate_tokens(call.name) + estimate_tokens(call.arguments) for call in message.tool_calls)
    return estimate_tokens(message.content) + calls


def turn_size(turn: Iterable[Said]) -> int:
    """About how many tokens a turn costs where it is shown."""
    return sum(size(part) for said in turn for part in as_shown(said.message))


def history(turns: Iterable[Iterable[Said]]) -> tuple[ModelMessage, ...]:
    """Turns as a model is shown them, whole: a call without its result would be refused by most."""
    return tuple(part for turn in turns for said in turn for part in as_shown(said.message))


def taken_before(
    rows: Iterable[Said], turn_id: str, waiting: Container[str | None] = ()
) -> tuple[tuple[Said, ...], ...]:
    """Stored messages as the turns that were taken before ``turn_id``.

    A message that came while another was being answered lies between that one and its answer, so they are
    put together by turn. What waits behind ``turn_id`` is left out, though it may have come before, and so is
    an oldest turn without its beginning: an answer to nothing. A message of no turn stands for itself.
    """
    turns: dict[object, list[Said]] = {}
    for said in rows:
        if said.turn_id is None or said.turn_id not in waiting:
            turns.setdefault(said.seq if said.turn_id is None else said.turn_id, []).append(said)
    earlier = takewhile(lambda turn: turn[0] != turn_id, turns.items())
    return tuple(
        tuple(said) for turn, said in earlier if said[0].message.role == "user" or isinstance(turn, int)
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
