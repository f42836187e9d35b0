"""Fitting: what is cut before a call to a model so that what it is shown has room."""

from collections.abc import Sequence

from msgspec.structs import replace

from clawft.domain.context import Shown, size
from clawft.domain.models import ModelMessage
from clawft.domain.results import cut

SHORT, SHORTEST = 2_000, 300
"""Characters that are left of a tool result when there is too little room, and when there is hardly any."""


def fit(shown: Shown) -> Shown | None:
    """What fits into the room: results are cut first, the oldest first, then earlier turns are left out.

    The system's words and those of this turn are never left out: None when they alone are too many.
    """
    if shown.tokens <= shown.room:
        return shown
    for step in (_cut_results, _leave_out, _cut_more):
        shown = step(shown)
        if shown.tokens <= shown.room:
            return shown
    return None


def _cut_results(shown: Shown) -> Shown:
    return _with_results_of(shown, SHORT)


def _cut_more(shown: Shown) -> Shown:
    return _with_results_of(shown, SHORTEST)


def _with_results_of(shown: Shown, most: int) -> Shown:
    messages, too_many = list(shown.messages), shown.tokens - shown.room
    for at, message in enumerate(messages):
        if too_many <= 0:
            break
        if message.role == "tool" and len(message.content) > most + 200:
            messages[at] = replace(message, content=cut(message.content, most, message.tool_call_id))
            too_many -= size(message) - size(messages[at])
    return shown.of(messages)


def _leave_out(shown: Shown) -> Shown:
    """Whole turns, the oldest first: a call without its result would be refused by most models."""
    kept, too_many = list(_turns(shown.earlier)), shown.tokens - shown.room
    while kept and too_many > 0:
        too_many -= sum(map(size, kept.pop(0)))
    return shown.without_earlier_but([message for turn in kept for message in turn])


def _turns(messages: Sequence[ModelMessage]) -> list[list[ModelMessage]]:
    turns: list[list[ModelMessage]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns
