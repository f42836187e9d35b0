"""Complexity: how much a request asks of whoever answers it, as one number in [0, 1]."""

import math
import re

ENOUGH = 20_000
"""Characters that are looked at word by word; what follows counts by its length only."""

_COMMAND = re.compile(r"\s*/\w")
_REASONING = re.compile(
    r"\b(?:why|how|explain|compare|contrast|analy[sz]e|design|plan|prove|derive|evaluate|optimi[sz]e|refactor"
    r"|debug|diagnose|architect\w*|trade-?offs?|implement|review|investigate|strategy|migrat\w+|estimate)\b",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"^\s*(?:[-*•]|\d+[.)])\s|\b(?:then|after that|finally|next|first|second|also|as well as)\b|[;?]",
    re.IGNORECASE | re.MULTILINE,
)
_MATTER = re.compile(
    r"```|\b(?:def|class|function|select|import|return)\b|\b(?:must|should|without|at most|at least|unless"
    r"|except|only if|ensure)\b|[{}<>=]{2}|https?://",
    re.IGNORECASE,
)


def complexity(request: str) -> float:
    """How complex a request is, from its text alone; the same text always gives the same number.

    Four signals, each in [0, 1] and growing ever more slowly, are added up:

    ============  ======  ===========================================================
    signal        weight  half of it is reached with
    ============  ======  ===========================================================
    length        0.30    about 700 characters
    reasoning     0.35    one and a half words such as *why*, *compare*, *design*
    steps         0.20    three list items, connectives or questions
    matter        0.15    three pieces of code, constraints or links
    ============  ======  ===========================================================

    A ``/command`` names what is to be done, so nothing is left to work out: 0.
    """
    if not request.strip() or _COMMAND.match(request):
        return 0.0
    text = request[:ENOUGH]
    score = (
        0.30 * _grows(len(request), 700)
        + 0.35 * _grows(_count(_REASONING, text), 1.5)
        + 0.20 * _grows(_count(_STEP, text), 3)
        + 0.15 * _grows(_count(_MATTER, text), 3)
    )
    return round(score, 3)


def _grows(amount: float, half: float) -> float:
    """0 for nothing, 0.5 at ``half``, towards 1 for ever more."""
    return 1 - math.exp2(-amount / half)


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))
