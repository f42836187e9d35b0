"""The elements that can be drawn on the canvas, with the members and the bounds of each."""

import re
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from clawft.domain.values import MAX_CONTENT, UNSET, UnsetType
from clawft.errors import Invalid, TooLarge

Text = Annotated[str, Meta(max_length=MAX_CONTENT)]
Label = Annotated[str, Meta(max_length=1000)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Number = Annotated[float, Meta(ge=-1e300, le=1e300)]  # bounds that also keep NaN and infinity out of JSON
Cell = Text | Annotated[int, Meta(ge=-(2**53), le=2**53)] | Number

MAX_ELEMENT = 512 * 1024
"""Bytes of JSON one element may be."""

MAX_DEPTH = 6
"""Objects and lists within each other; no element needs more."""

# In JavaScript's eyes too: no white space or control characters anywhere, and a host after http(s).
_IMAGE = re.compile(
    r"(https?://[^\s/?#\\\x00-\x1f]+[^\s\x00-\x1f]*|data:image/[a-z0-9.+-]+[;,][^\s\x00-\x1f]*)", re.I
)


class Element(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=False,
    tag_field="type",
    kw_only=True,
):
    """What all elements have in common. An id, as the stock client keeps inside, is dropped."""

    id: Label | UnsetType = UNSET


class TextElement(Element, frozen=True, tag="text"):
    content: Text
    format: Literal["plain", "markdown"] = "plain"


class Button(Element, frozen=True, tag="button"):
    label: Label
    action: Label = ""
    disabled: bool = False


class Input(Element, frozen=True, tag="input"):
    label: Label
    placeholder: Label = ""
    value: Text = ""


class Image(Element, frozen=True, tag="image"):
    src: Text
    alt: Label = ""


class Code(Element, frozen=True, tag="code"):
    code: Text
    language: Label = ""


class Table(Element, frozen=True, tag="table"):
    headers: Annotated[tuple[Label, ...], Meta(max_length=100)]
    rows: Annotated[tuple[Annotated[tuple[Cell, ...], Meta(max_length=100)], ...], Meta(max_length=2000)]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the fields of both forms have in common."""

    name: Word
    label: Label


class FormField(Field, frozen=True):
    field_type: Label = "text"
    required: bool = False
    placeholder: Label = ""


class Form(Element, frozen=True, tag="form"):
    fields: Annotated[tuple[FormField, ...], Meta(min_length=1, max_length=100)]
    submit_action: Label | UnsetType = UNSET


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: Label
    value: Number


class Chart(Element, frozen=True, tag="chart"):
    data: Annotated[tuple[Point, ...], Meta(max_length=2000)]
    chart_type: Literal["bar", "line", "pie"] = "bar"
    title: Label | UnsetType = UNSET
    colors: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=100)] | UnsetType = UNSET


class CodeEditor(Element, frozen=True, tag="code_editor"):
    code: Text
    language: Label = ""
    editable: bool = False
    line_numbers: bool = True


class AdvancedField(Field, frozen=True):
    type: Literal["text", "number", "select", "checkbox", "textarea"] = "text"
    required: bool = False
    options: Annotated[tuple[Label, ...], Meta(max_length=500)] | UnsetType = UNSET
    min: Number | UnsetType = UNSET
    max: Number | UnsetType = UNSET
    placeholder: Label | UnsetType = UNSET


class AdvancedForm(Element, frozen=True, tag="form_advanced"):
    fields: Annotated[tuple[AdvancedField, ...], Meta(min_length=1, max_length=100)]
    submit_action: Label | UnsetType = UNSET


AnyElement = TextElement | Button | Input | Image | Code | Table | Form | Chart | CodeEditor | AdvancedForm

KINDS: dict[str, type[Element]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyElement)}
"""Every kind of element by its ``type``."""


def outline() -> str:
    """Every kind of element with its members, in a line: ``text{content, format?}; …``."""
    return "; ".join(f"{name}{_members(kind)}" for name, kind in KINDS.items())


def _members(kind: type[msgspec.Struct]) -> str:
    told = [
        f"{field.name}{'' if field.required else '?'}{_inner(field.type)}"
        for field in msgspec.structs.fields(kind)
        if field.name != "id"
    ]
    return f"{{{', '.join(told)}}}"


def _inner(kind: Any) -> str:
    """The members of what a list holds, or the words that may stand there."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _members(kind)
    if get_origin(kind) is Literal:
        return f": {'|'.join(get_args(kind))}"
    found = (_inner(each) for each in get_args(kind) if get_origin(kind) in (tuple, Annotated))
    return next(filter(None, found), "")


def checked_element(raw: dict[str, Any], path: str = "$") -> dict[str, Any]:
    """The element as it is emitted: defaults filled in, members of two words in both spellings.

    Takes either spelling. Raises ``Invalid`` or ``TooLarge`` naming the path of what is wrong.
    """
    plain = _one_spelling(raw, path)
    kind = plain.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Invalid(f"no element has the type {kind!r}; there are {', '.join(KINDS)}", path=f"{path}.type")
    try:
        element = msgspec.convert(plain, KINDS[kind])
        size = len(msgspec.json.encode(element))
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Invalid(_moved(str(error), path)) from error
    if size > MAX_ELEMENT:
        raise TooLarge(f"an element has at most {MAX_ELEMENT:,} bytes of JSON - at `{path}`")
    _check_rules(element, path)
    emitted: dict[str, Any] = _both_spellings(msgspec.to_builtins(element))
    emitted.pop("id", None)
    return emitted


def _check_rules(element: Element, path: str) -> None:
    """What types alone cannot say."""
    if isinstance(element, Image) and not _IMAGE.fullmatch(element.src):
        raise Invalid("an image is at an http or https address, or is data:image/…", path=f"{path}.src")
    if not isinstance(element, Form | AdvancedForm):
        return
    fields: tuple[Field, ...] = element.fields
    names = [field.name for field in fields]
    for number, field in enumerate(fields):
        where = f"{path}.fields[{number}]"
        if names.index(field.name) != number:
            raise Invalid(f"two fields are called {field.name!r}", path=f"{where}.name")
        if isinstance(field, AdvancedField) and field.type == "select" and not field.options:
            raise Invalid("a select needs options", path=f"{where}.options")


def _moved(message: str, path: str) -> str:
    """A complaint of msgspec about ``$`` as one about ``path``."""
    if " - at `$" in message:
        return message.replace(" - at `$", f" - at `{path}", 1)
    return f"{message} - at `{path}`"


def _one_spelling(raw: Any, path: str, depth: int = 0) -> Any:
    """Every member name of an element in snake case. The two spellings of a member must not disagree."""
    if depth > MAX_DEPTH:
        raise Invalid("this is nested too deeply", path=path)
    if isinstance(raw, list | tuple):
        return [_one_spelling(each, f"{path}[{number}]", depth + 1) for number, each in enumerate(raw)]
    if not isinstance(raw, dict):
        return raw
    plain: dict[str, Any] = {}
    for name, value in raw.items():
        snake = _snake(name)
        one = _one_spelling(value, f"{path}.{name}", depth + 1)
        if plain.setdefault(snake, one) != one:
            raise Invalid(f"`{snake}` and `{_camel(snake)}` say different things", path=f"{path}.{snake}")
    return plain


def _both_spellings(plain: Any) -> Any:
    if isinstance(plain, list | tuple):
        return [_both_spellings(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    both = {name: _both_spellings(value) for name, value in plain.items()}
    return both | {_camel(name): value for name, value in both.items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
