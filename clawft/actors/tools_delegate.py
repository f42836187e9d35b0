"""The tool with which an agent hands a task on."""

from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.delegation import TIME_LIMIT
from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.values import MAX_CONTENT
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.messages.delegation import Delegate
from clawft.runtime import System

NAME = "delegate_task"
MARGIN = 30.0
"""Seconds the tool has more than a delegation, so that the delegation is what gives up, and says why."""


class DelegateTaskArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hand a task to another agent or model, which does it in a session of its own; wait for the answer."""

    task: Annotated[
        str, Meta(min_length=1, max_length=MAX_CONTENT, description="All that is needed to do it, in words")
    ]
    target: Annotated[
        str, Meta(max_length=200, description="An agent or a model; without it the host's rules choose")
    ] = ""
    kind: Annotated[
        str,
        Meta(max_length=200, description="A short name of the kind of task, like code-review, for the rules"),
    ] = ""
    background: Annotated[
        bool, Meta(description="Do not wait: its end comes as a message, and you may go on meanwhile")
    ] = False


class DelegateTask:
    """Answers with what the other one said. Cancelling it cancels the other one's turn."""

    spec = spec_of(NAME, DelegateTaskArguments, effect="write", timeout=TIME_LIMIT + MARGIN)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, DelegateTaskArguments)
        delegated = await self._system.ask(
            "delegation",
            Delegate(
                session_key=call.session_key,
                task=wanted.task,
                tool_name=wanted.kind or NAME,
                target=wanted.target or None,
                agent_id=call.agent_id,
                depth=call.depth,
                request_id=call.request_id,
                background=wanted.background,
            ),
        )
        if delegated.status == "running":
            return ToolResult(f"{delegated.target} works on it, as {delegated.task_id}")
        if delegated.status == "completed":
            return ToolResult(delegated.content)
        return ToolResult(f"{delegated.target} did not do it: {delegated.content}", is_error=True)
