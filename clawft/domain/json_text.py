"""JSON from outside, read strictly: what two readers could take differently is refused."""

import json
from typing import Any, NoReturn

from clawft.errors import Invalid

MAX_DEPTH = 32
"""How deep arrays and objects may be inside each other."""

_WHOLE_LIMIT = 2**63
_EXACT = 2**53
"""Up to here every whole number is a float of its own."""


def read(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises ``Invalid`` for what is not JSON, and for what is accepted here and broken there: a member named
    twice, ``NaN``, a whole number beyond 64 bits, half of a surrogate pair, nesting past ``MAX_DEPTH``.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        value = _DECODER.decode(decoded)
    except UnicodeDecodeError:
        raise Invalid("not JSON: the text is not UTF-8") from None
    except RecursionError:
        raise Invalid(f"nested deeper than {MAX_DEPTH}") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"not JSON: {error}") from None
    if decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in decoded:
        _check_surrogates(value)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise Invalid(f"the member {twice[:64]!r} is there twice")
    return members


def _constant(word: str) -> NoReturn:
    raise Invalid(f"not JSON: {word}")


def _whole(digits: str) -> int:
    # int() of a very long text takes quadratic time, so look at its length first.
    if len(digits) > 20 or not -_WHOLE_LIMIT <= (number := int(digits)) < _WHOLE_LIMIT:
        raise Invalid("a whole number is beyond 64 bits")
    return number


def _fraction(digits: str) -> float | int:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Invalid("a number is out of range")
    # JSON has one kind of number: 125.0 is a whole one.
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise Invalid(f"nested deeper than {MAX_DEPTH}")
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid("a text holds half of a surrogate pair") from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_constant, parse_int=_whole, parse_float=_fraction
)
