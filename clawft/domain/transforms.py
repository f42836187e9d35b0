"""Transforms: requests that a rule answers exactly, so that no model is asked and nothing is paid.

A rule applies only when the whole request is its order and what to do it to. Anything less certain, and what
a rule cannot do (``format this JSON`` that is none), is left to a model.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from clawft.domain.units import converted

BOOSTER = "clawft/agent-booster"
"""What stands for the model where a rule has answered."""

LONGEST_ORDER = 80
_ORDER = re.compile(
    rf"(?:please\s+)?(?P<order>[^\n:]{{3,{LONGEST_ORDER}}}?)\s*(?::[ \t]*\n?|\n)(?P<text>.*)", re.S | re.I
)
_FENCE = re.compile(r"\s*```[\w+-]*\n(?P<inside>.*?)\n?```\s*", re.S)
_CONVERT = re.compile(
    r"(?:convert\s+|what(?: is|'s)\s+)?(?P<amount>-?\d+(?:\.\d+)?)\s*(?P<source>[°\w/]+)\s+(?:to|in|into)\s+"
    r"(?P<target>[°\w/]+)\s*[?.]?",
    re.I,
)
_BASE = re.compile(
    r"convert\s+(?P<number>-?(?:0x[0-9a-f]+|0b[01]+|0o[0-7]+|\d+))\s+(?:to|into)\s+"
    r"(?P<base>hex(?:adecimal)?|binary|octal|decimal)\s*[?.]?",
    re.I,
)
_BASES = {"h": "#x", "b": "#b", "o": "#o", "d": "d"}


class Transformed(NamedTuple):
    """What a rule made of a request. ``rule`` is its name."""

    rule: str
    text: str


def transformed(request: str) -> Transformed | None:
    """The answer to a request that a rule answers; None: a model is needed."""
    asked = request.strip()
    return _one_line(asked) or _with_text(asked)


def _one_line(asked: str) -> Transformed | None:
    if len(asked) > LONGEST_ORDER or "\n" in asked:
        return None
    if match := _BASE.fullmatch(asked):
        value = int(match["number"], 0)
        return Transformed("convert_base", f"{value:{_BASES[match['base'][0].lower()]}}")
    if match := _CONVERT.fullmatch(asked):
        said = converted(float(match["amount"]), match["source"], match["target"])
        return Transformed("convert_units", said) if said else None
    return None


def _with_text(asked: str) -> Transformed | None:
    match = _ORDER.fullmatch(asked)
    if match is None or not match["text"].strip():
        return None
    order = " ".join(match["order"].lower().split())
    fenced = _FENCE.fullmatch(match["text"])
    text = fenced["inside"] if fenced else match["text"]
    for name, pattern, work in _RULES:
        if pattern.fullmatch(order):
            made = work(text, order)
            return None if made is None else Transformed(name, made)
    return None


def _json(text: str, order: str) -> str | None:
    compact = order.startswith(("minify", "compact"))
    try:
        made = msgspec.json.format(text.strip().encode(), indent=-1 if compact else 2).decode()
    except (msgspec.DecodeError, UnicodeError):
        return None
    return made if compact else f"```json\n{made}\n```"


def _sorted(text: str, order: str) -> str | None:
    lines = text.strip("\n").splitlines()
    backwards = bool(re.search(r"\b(?:reverse|descending|backwards)\b", order))
    if "numeric" not in order:
        return "\n".join(sorted(lines, reverse=backwards))
    try:
        return "\n".join(sorted(lines, key=float, reverse=backwards))
    except ValueError:
        return None


def _counted(text: str, order: str) -> str:
    if "word" in order:
        return _many(len(text.split()), "word")
    if "line" in order:
        return _many(len(text.strip("\n").splitlines()), "line")
    return _many(len(text), "character")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _cased(text: str, order: str) -> str:
    if "upper" in order:
        return text.upper()
    if "lower" in order:
        return text.lower()
    if "title" in order:
        return text.title()
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)
    return ("_" if "snake" in order else "-").join(words).lower()


def _base64(text: str, order: str) -> str | None:
    if "encode" in order:
        return base64.b64encode(text.encode()).decode()
    try:
        return base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _url(text: str, order: str) -> str:
    return quote(text, safe="") if "encode" in order else unquote(text)


def _hashed(text: str, _: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unique(text: str, _: str) -> str:
    return "\n".join(dict.fromkeys(text.strip("\n").splitlines()))


def _reversed(text: str, order: str) -> str:
    return "\n".join(reversed(text.strip("\n").splitlines())) if "line" in order else text[::-1]


_THE = r"(?:the |these |this |following |my )*"
_Rule = tuple[str, re.Pattern[str], Callable[[str, str], str | None]]


def _rule(name: str, pattern: str, work: Callable[[str, str], str | None]) -> _Rule:
    return name, re.compile(pattern), work


_RULES: tuple[_Rule, ...] = (
    _rule("format_json", rf"(?:format|pretty[- ]?print|indent|minify|compact) {_THE}json", _json),
    _rule(
        "sort_lines",
        rf"sort {_THE}lines(?: (?:in reverse(?: order)?|descending|ascending|alphabetically|numerically"
        r"|backwards))*",
        _sorted,
    ),
    _rule("unique_lines", rf"(?:deduplicate|dedupe|remove duplicate) {_THE}lines", _unique),
    _rule("reverse", rf"reverse {_THE}(?:lines|text|string)", _reversed),
    _rule(
        "count",
        rf"(?:count {_THE}|how many )(?:words|lines|characters)"
        rf"(?: (?:are )?(?:there )?in {_THE}(?:text|sentence|paragraph)?)?\??",
        _counted,
    ),
    _rule(
        "case",
        rf"(?:(?:make|convert|change|put) )?{_THE}(?:text )?(?:to |into |in )?"
        r"(?:upper ?case|lower ?case|title ?case|snake[_ ]case|kebab[- ]case)",
        _cased,
    ),
    _rule("base64", rf"base64[- ](?:encode|decode)(?: {_THE}text)?", _base64),
    _rule("url_encoding", rf"url[- ](?:encode|decode)(?: {_THE}text)?", _url),
    _rule("sha256", r"sha-?256(?: of)?", _hashed),
)
