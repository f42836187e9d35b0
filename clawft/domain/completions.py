"""Chat completions: OpenAI's request and answer, and what each means here.

Shapes: its API reference, "Chat".
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.tools import ToolSpec
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Invalid

CALL_PATIENCE = 120.0
"""Seconds a turn waits for a tool of the caller's."""


class Part(Value, frozen=True):
    """A part of a message's content; text is all we take."""

    type: str
    text: str = ""


class CalledFunction(Value, frozen=True):
    name: str
    arguments: str = "{}"


class Called(Value, frozen=True):
    """A call, as an assistant's message lists it."""

    id: str
    function: CalledFunction
    type: str = "function"


class Message(Value, frozen=True):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[Called, ...] | None = None
    tool_call_id: str = ""

    def text(self, path: str) -> str:
        """Raises ``Invalid`` for what is no text."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        for number, part in enumerate(self.content):
            if part.type not in ("text", "input_text"):
                raise Invalid(
                    f"a part of type {part.type[:40]!r} is no text", path=f"{path}.content[{number}]"
                )
        return "\n".join(part.text for part in self.content)


class Function(Value, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, Any] = {}


class FunctionTool(Value, frozen=True):
    function: Function
    type: Literal["function"] = "function"


class StreamOptions(Value, frozen=True):
    include_usage: bool = False


class CompletionRequest(Value, frozen=True):
    """What a program asks. What tunes a model (temperature, seed…) is the agent's business."""

    model: str
    messages: Annotated[tuple[Message, ...], Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    tools: tuple[FunctionTool, ...] | None = None
    n: int | None = 1


class Conversation(Value, frozen=True):
    """A request as we understand it."""

    content: str = ""
    history: tuple[ChatMessage, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    """Results of calls, by their id, when the last messages are such."""


def conversation(request: CompletionRequest, at: datetime) -> Conversation:
    """Raises ``Invalid`` for a conversation that ends with nothing to answer."""
    if request.n not in (None, 1):
        raise Invalid("one answer is all there is", path="$.n")
    messages = request.messages
    if messages[-1].role == "tool":
        return Conversation(answers=tuple(_answers(messages)))
    if messages[-1].role != "user":
        raise Invalid(
            "the last message must be the user's, or the result of a tool",
            path=f"$.messages[{len(messages) - 1}]",
        )
    content = messages[-1].text(f"$.messages[{len(messages) - 1}]")
    if not content.strip():
        raise Invalid("the message is empty", path=f"$.messages[{len(messages) - 1}].content")
    return Conversation(content, tuple(_history(messages[:-1], at)))


def _answers(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    first = len(messages)
    while first and messages[first - 1].role == "tool":
        first -= 1
    for number in range(first, len(messages)):
        yield messages[number].tool_call_id, messages[number].text(f"$.messages[{number}]")


def _history(messages: Sequence[Message], at: datetime) -> Iterator[ChatMessage]:
    """Earlier messages as we keep them: a call with its result in the assistant's message."""
    results = {each.tool_call_id: each.text("$.messages") for each in messages if each.role == "tool"}
    for number, message in enumerate(messages):
        text = message.text(f"$.messages[{number}]")
        if message.role in ("tool", "function"):
            continue
        if message.role == "assistant":
            calls = tuple(
                ToolCallInfo(
                    call.id, call.function.name, call.function.arguments, results.get(call.id, UNSET)
                )
                for call in message.tool_calls or ()
            )
            yield ChatMessage("assistant", text, at, calls)
        else:
            yield ChatMessage("user" if message.role == "user" else "system", text, at)


def tool_specs(tools: tuple[FunctionTool, ...] | None) -> tuple[ToolSpec, ...]:
    """The caller's tools as ours. What they do is not known, so it may be anything."""
    return tuple(
        ToolSpec(
            tool.function.name,
            tool.function.description or tool.function.name,
            tool.function.parameters or {"type": "object", "properties": {}},
            effect="process",
            timeout=CALL_PATIENCE,
        )
        for tool in tools or ()
    )


# -- answers


class AnswerUsage(Value, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerFunction(Value, frozen=True):
    name: str
    arguments: str


class AnswerCall(Value, frozen=True):
    id: str
    function: AnswerFunction
    type: Literal["function"] = "function"
    index: int | UnsetType = UNSET
    """In a stream only."""


class AnswerMessage(Value, frozen=True):
    """A message, or what a chunk adds to one. ``content`` may be null: the format says so."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    tool_calls: tuple[AnswerCall, ...] | UnsetType = UNSET


class Choice(Value, frozen=True):
    message: AnswerMessage
    finish_reason: str
    index: int = 0


class ChunkChoice(Value, frozen=True):
    delta: AnswerMessage
    finish_reason: str | None = None
    index: int = 0


class Completion(Value, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: AnswerUsage
    object: Literal["chat.completion"] = "chat.completion"


class CompletionChunk(Value, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: AnswerUsage | UnsetType = UNSET
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"


class ModelCard(Value, frozen=True):
    """A model is an agent."""

    id: str
    created: int
    owned_by: Literal["clawft"] = "clawft"
    object: Literal["model"] = "model"


class ModelCards(Value, frozen=True):
    data: tuple[ModelCard, ...]
    object: Literal["list"] = "list"


class Trouble(Value, frozen=True):
    """An error in their shape; the members of ours are among them."""

    message: str
    code: str
    type: str
    param: str | None = None


class Troubles(Value, frozen=True):
    error: Trouble


def calls_told(calls: tuple[ToolCallInfo, ...], *, numbered: bool) -> tuple[AnswerCall, ...]:
    return tuple(
        AnswerCall(call.id, AnswerFunction(call.name, call.arguments), index=number if numbered else UNSET)
        for number, call in enumerate(calls)
    )


def encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)
