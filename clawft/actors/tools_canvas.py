"""The tool with which an agent draws on the canvas."""

from typing import Any, get_args

from clawft.domain.canvas import MAX_BATCH, MAX_ID, Command, parse
from clawft.domain.canvas_elements import outline
from clawft.domain.tools import ToolCall, ToolResult, ToolSpec
from clawft.messages.canvas import Draw
from clawft.runtime import System

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": {
            "enum": list(get_args(Command)),
            "description": "render: put an element on the canvas; update: replace it; remove: take it away;"
            " reset: take all away; batch: several commands at once",
        },
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID,
            "description": "The element's name, for render, update and remove",
        },
        "element": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string"}},
            "description": f"For render and update: one of {outline()}",
        },
        "position": {"type": "integer", "minimum": 0, "description": "For render: 0 is the top"},
        "commands": {
            "type": "array",
            "items": {"type": "object", "required": ["command"]},
            "maxItems": MAX_BATCH,
            "description": "For batch: done all or not at all",
        },
    },
    "required": ["command"],
    "additionalProperties": False,
}


class RenderUi:
    """Draws for the session whose agent calls it: that session is told what people do to the element."""

    spec = ToolSpec(
        "render_ui",
        "Show something to the user on the canvas: text, tables, charts, code, buttons and forms."
        " What the user does with a button or form comes back as a message.",
        _PARAMETERS,
        effect="write",
    )

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        command = parse(call.arguments)
        count = await self._system.ask("canvas", Draw(command, call.session_key))
        return ToolResult(f"done; the canvas has {count} element{'s' if count != 1 else ''} now")
