"""The canvas: what an agent draws for people."""

from typing import Any, Literal

import msgspec

from clawft.domain.canvas_elements import checked_element
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Conflict, Invalid, NotFound

Command = Literal["render", "update", "remove", "reset", "batch"]

MAX_ELEMENTS = 500
"""Elements the canvas holds."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of JSON all elements together may be."""

MAX_BATCH = 100
"""Commands in one batch."""

MAX_ID = 200
"""Characters an element's id may have."""


class CanvasCommand(Value, frozen=True):
    """A change of the canvas; ``checked`` makes sure that it is one.

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


_MEMBERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "render": (frozenset({"id", "element"}), frozenset({"position"})),
    "update": (frozenset({"id", "element"}), frozenset()),
    "remove": (frozenset({"id"}), frozenset()),
    "reset": (frozenset(), frozenset()),
    "batch": (frozenset({"commands"}), frozenset()),
}
"""What each command needs and what it may have."""


def parse(raw: object) -> CanvasCommand:
    """A command from JSON. Raises ``Invalid`` naming the path of what is wrong."""
    _refuse_unknown(raw, "$")
    try:
        command = msgspec.convert(raw, CanvasCommand)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error
    except RecursionError as error:
        raise Invalid("this is nested too deeply", path="$.commands") from error
    return checked(command)


def checked(command: CanvasCommand, path: str = "$") -> CanvasCommand:
    """The command with its elements as clients expect them. Raises as ``parse`` does."""
    _check_members(command, path)
    if not isinstance(command.id, UnsetType) and not _good_id(command.id):
        raise Invalid(f"an id has 1 to {MAX_ID} printable characters", path=f"{path}.id")
    if not isinstance(command.position, UnsetType) and command.position < 0:
        raise Invalid("a position is 0 or more", path=f"{path}.position")
    if not isinstance(command.element, UnsetType):
        element = checked_element(command.element, f"{path}.element")
        return msgspec.structs.replace(command, element=element)
    if not isinstance(command.commands, UnsetType):
        return msgspec.structs.replace(command, commands=_checked_batch(command.commands, path))
    return command


def _good_id(id: str) -> bool:
    return 1 <= len(id) <= MAX_ID and id.isprintable()


def _refuse_unknown(raw: object, path: str) -> None:
    if not isinstance(raw, dict):
        return  # msgspec says it better
    for name in raw:
        if name not in CanvasCommand.__struct_fields__:
            raise Invalid(f"a canvas command has no member {name!r}", path=path)
    inner = raw.get("commands") if path == "$" else ()  # a batch holds no batch
    for number, each in enumerate(inner if isinstance(inner, list | tuple) else ()):
        _refuse_unknown(each, f"{path}.commands[{number}]")


def _check_members(command: CanvasCommand, path: str) -> None:
    needed, allowed = _MEMBERS[command.command]
    for name in ("id", "element", "position", "commands"):
        given = not isinstance(getattr(command, name), UnsetType)
        if name in needed and not given:
            raise Invalid(f"{command.command} needs `{name}`", path=f"{path}.{name}")
        if given and name not in needed | allowed:
            raise Invalid(f"{command.command} takes no `{name}`", path=f"{path}.{name}")


def _checked_batch(commands: tuple[CanvasCommand, ...], path: str) -> tuple[CanvasCommand, ...]:
    if not 1 <= len(commands) <= MAX_BATCH:
        raise Invalid(f"a batch has 1 to {MAX_BATCH} commands", path=f"{path}.commands")
    for number, command in enumerate(commands):
        if command.command == "batch":
            raise Invalid("a batch holds no batch", path=f"{path}.commands[{number}]")
    return tuple(checked(each, f"{path}.commands[{number}]") for number, each in enumerate(commands))


class Board:
    """The elements in order. A command makes a new canvas: a batch that fails midway changes nothing."""

    def __init__(self, elements: tuple[CanvasElement, ...] = ()) -> None:
        self._elements = {each.id: each for each in elements}
        self._sizes = {each.id: _size(each) for each in elements}

    @property
    def elements(self) -> tuple[CanvasElement, ...]:
        return tuple(self._elements.values())

    def get(self, id: str) -> CanvasElement | None:
        return self._elements.get(id)

    def __len__(self) -> int:
        return len(self._elements)

    def after(self, command: CanvasCommand, session_key: str = "") -> "Board":
        """The canvas after a checked command.

        Raises ``NotFound`` for an id that is not on it, ``Conflict`` when it would be too full.
        """
        canvas = Board()
        canvas._elements, canvas._sizes = dict(self._elements), dict(self._sizes)
        batch = () if isinstance(command.commands, UnsetType) else command.commands
        for number, each in enumerate(batch):
            canvas._apply(each, session_key, f"$.commands[{number}].id")
        if not batch:
            canvas._apply(command, session_key, "$.id")
        canvas._check_room()
        return canvas

    def _apply(self, command: CanvasCommand, session_key: str, path: str) -> None:
        if isinstance(command.id, UnsetType):  # of the single commands, only reset has none
            self._elements.clear()
            self._sizes.clear()
            return
        before = self._elements.get(command.id)
        if before is None and command.command != "render":
            raise NotFound(f"nothing on the canvas has the id {command.id!r} - at `{path}`")
        if isinstance(command.element, UnsetType):
            del self._elements[command.id], self._sizes[command.id]
            return
        drawn_by = session_key or (before.session_key if before else "")
        self._put(CanvasElement(command.id, command.element, drawn_by), command.position)

    def _put(self, element: CanvasElement, position: int | UnsetType) -> None:
        """In its old place, or at the end, or where it is wanted."""
        self._elements[element.id] = element
        self._sizes[element.id] = _size(element)
        if isinstance(position, UnsetType):
            return
        del self._elements[element.id]
        order = list(self._elements.values())
        order.insert(position, element)
        self._elements = {each.id: each for each in order}

    def _check_room(self) -> None:
        if len(self._elements) > MAX_ELEMENTS:
            raise Conflict(f"the canvas holds at most {MAX_ELEMENTS} elements; remove some or reset it")
        if sum(self._sizes.values()) > MAX_BYTES:
            raise Conflict(f"the canvas holds at most {MAX_BYTES:,} bytes; remove some elements or reset it")


def _size(element: CanvasElement) -> int:
    return len(msgspec.json.encode(element.element))


_DEEDS = {
    "click": "clicked",
    "input_submit": "submitted",
    "form_submit": "submitted",
    "code_submit": "submitted the code of",
}

MAX_TOLD = 16 * 1024
"""Characters of an interaction's data that the agent is told."""


def told(interaction: CanvasInteraction, element: dict[str, Any]) -> str:
    """The interaction in words for the agent that drew the element."""
    kind = element["type"]
    label = element.get("label") or element.get("title")
    name = f"the {kind} {label!r}" if label else f"the {kind}"
    said = f"[canvas] The user {_DEEDS[interaction.interaction]} {name} (element `{interaction.element_id}`)."
    data = {"action": element["action"]} if "action" in element else {}
    data |= interaction.data
    if not data:
        return said
    text = msgspec.json.encode(data).decode()
    if len(text) > MAX_TOLD:
        text = f"{text[:MAX_TOLD]}… ({len(text) - MAX_TOLD:,} characters left out)"
    return f"{said} Data: {text}"
