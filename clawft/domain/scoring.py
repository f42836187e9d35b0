"""Scoring: how well a turn went, judged by what can be seen from outside."""

from clawft.domain.turns import TurnEnd

GOOD = 0.5
"""A score from here on counts as a success for the learner."""


def score(end: TurnEnd, *, said: str, calls: int, failed_calls: int) -> float:
    """How well a turn went, in [0, 1].

    A turn that did not end by answering is 0. An answer starts at 1 and loses up to half for tool calls that
    failed; an answer without a word is worth 0.2. Whether it was *true* cannot be seen from here.
    """
    if end != "answered":
        return 0.0
    if not said.strip():
        return 0.2
    share = failed_calls / calls if calls else 0.0
    return round(1.0 - 0.5 * share, 3)
