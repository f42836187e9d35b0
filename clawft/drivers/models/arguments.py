"""Arguments of a tool as a person types them after ``/tool``."""

import json
import math
import re
from typing import Any

_NAMED = re.compile(r"([A-Za-z_][\w-]*)=")
_JSON = json.JSONDecoder()
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def typed_arguments(typed: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments a person typed, as the tool's JSON Schema wants them.

    Three ways, the last two together as well: a JSON object; ``name=value``, where a value with spaces is in
    quotes or is JSON; and plain text for the required parameters that are not named, one word each and the
    last one all the rest. Raises ``ValueError`` with a sentence for whoever typed it.
    """
    text = typed.strip()
    if text.startswith("{"):
        return _object(text)
    properties: dict[str, Any] = schema.get("properties", {})
    named, loose = _split(text, properties)
    for name, words in _places(loose, [name for name in _order(schema) if name not in named]):
        named[name] = _value(name, words, properties.get(name, {}))
    return named


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("the arguments are a JSON object, like {}")
    return value


def _split(text: str, properties: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What was named, and the text that was not. Loose words must stand together: what lies between two
    named arguments belongs to neither."""
    named: dict[str, Any] = {}
    begin = end = at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _NAMED.match(text, at)
        if match and match[1] in properties:
            named[match[1]], at = _read(match[1], text, match.end(), properties[match[1]])
            continue
        start, at = at, _word_end(text, at)
        if begin < end and text[end:start].strip():
            raise ValueError(
                f"{text[start:at]!r} belongs to no argument; put quotes around a value with spaces"
            )
        begin, end = (begin if begin < end else start), at
    return named, text[begin:end]


def _read(name: str, text: str, at: int, schema: dict[str, Any]) -> tuple[Any, int]:
    """The value that begins at ``at``, and where it ends."""
    if text[at : at + 1] == "'" and (end := text.find("'", at + 1)) > 0:
        return _value(name, text[at + 1 : end], schema), end + 1
    if text[at : at + 1] == '"' or (text[at : at + 1] in ("[", "{") and _kinds(schema) != ["string"]):
        try:
            value, end = _JSON.raw_decode(text, at)
        except ValueError as error:
            raise ValueError(f"`{name}` does not end, or is no JSON: {error}") from error
        return _value(name, value if isinstance(value, str) else text[at:end], schema), end
    end = _word_end(text, at)
    return _value(name, text[at:end], schema), end


def _word_end(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace():
        at += 1
    return at


def _order(schema: dict[str, Any]) -> list[str]:
    """The parameters that plain text may fill: the required ones, or else the first there is."""
    return list(schema.get("required", ())) or list(schema.get("properties", {}))[:1]


def _places(text: str, names: list[str]) -> list[tuple[str, str]]:
    if not text:
        return []
    if not names:
        raise ValueError(f"{text!r} is one argument too many")
    words = text.split(None, len(names) - 1)
    return [(name, _unquoted(word)) for name, word in zip(names, words, strict=False)]


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _value(name: str, text: str, schema: dict[str, Any]) -> Any:
    """The text as the type the schema names; of several types the first that fits."""
    kinds = _kinds(schema)
    for kind in kinds:
        try:
            return _as_kind(kind, text)
        except ValueError:
            continue
    raise ValueError(f"`{name}` should be {' or '.join(kinds)}, not {text!r}")


def _kinds(schema: dict[str, Any]) -> list[str]:
    """The types a value may have; text comes last, because any text fits it."""
    found = schema.get("type") or [part.get("type", "string") for part in schema.get("anyOf", ())] or "string"
    kinds = [found] if isinstance(found, str) else list(found)
    return sorted(kinds, key=lambda kind: kind == "string")


def _as_kind(kind: str, text: str) -> Any:
    if kind == "integer":
        return int(text)
    if kind == "number":
        return _finite(text)
    if kind == "boolean":
        return _truth(text)
    if kind == "null":
        return _null(text)
    if kind == "array" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind in ("array", "object"):
        return _json_of(text, list if kind == "array" else dict)
    return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


def _null(text: str) -> None:
    if text.lower() != "null":
        raise ValueError(text)


def _json_of(text: str, kind: type) -> Any:
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(text)
    return value
