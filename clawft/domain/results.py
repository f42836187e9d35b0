"""Results: how much of what tools give a model is shown. All of it is kept, to be read by range."""

ONE = 16_000
"""Characters of one result that a model is shown."""
ALL = 64_000
"""Characters of all the results of a turn together."""
LEAST = 1_000
"""Characters of a result that are shown when the others have used up the room."""


class Room:
    """The room for results in one turn. What is beyond it is left out, counted, and can be asked for."""

    def __init__(self, one: int = ONE, whole: int = ALL) -> None:
        self._one = one
        self._left = whole

    def take(self, text: str, call_id: str) -> str:
        """The text as the model is shown it: whole, or its head and tail."""
        shown = cut(text, max(LEAST, min(self._one, self._left)), call_id)
        self._left = max(0, self._left - len(shown))
        return shown


def cut(text: str, most: int, call_id: str) -> str:
    """The head and the tail of a text longer than ``most`` characters, and how the rest is read."""
    if len(text) <= most:
        return text
    head, tail = most - most // 4, most // 4
    missing = len(text) - head - tail
    mark = (
        f"\n[… {missing:,} of {len(text):,} characters left out, from {head} on:"
        f" read_result with call_id {call_id!r} and an offset reads them …]\n"
    )
    return text[:head] + mark + text[-tail:]
