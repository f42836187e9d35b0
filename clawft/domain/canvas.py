"""The canvas: what an agent draws for people."""

from typing import Any, Literal

from clawft.domain.values import UNSET, UnsetType, Value

Command = Literal["render", "update", "remove", "reset", "batch"]


class CanvasCommand(Value, frozen=True):
    """A change of the canvas, valid by construction: see ``parse`` in this module.

    ``element`` is emitted with both spellings of members that have two (``chart_type`` and ``chartType``).
    """

    command: Command
    id: str | UnsetType = UNSET
    element: dict[str, Any] | UnsetType = UNSET
    position: int | UnsetType = UNSET
    commands: tuple["CanvasCommand", ...] | UnsetType = UNSET


class CanvasElement(Value, frozen=True):
    """An element on the canvas, and the session whose agent drew it."""

    id: str
    element: dict[str, Any]
    session_key: str = ""


class CanvasInteraction(Value, frozen=True):
    """What a person did to an element."""

    interaction: Literal["click", "input_submit", "form_submit", "code_submit"]
    element_id: str
    data: dict[str, Any] = {}
