"""Summaries by extraction: the sentences of a text that say most, in their own words and order."""

import re
from collections import Counter

LONGEST = 64 * 1024
"""Characters that are read; a summary of more is a summary of the beginning."""

_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w{3,}")
_COMMON = frozenset(
    _WORD.findall(
        "and are but can did does for from had has have her here his how its just more not now our out she "
        "some than that the their them then there they this was were what when where which who will with "
        "would you your"
    )
)
_OPENING = 0.5
"""What the first sentence is worth more: it tends to say what the text is about."""


def sentences(text: str) -> list[str]:
    """The sentences or lines of a text, without the empty ones."""
    return [part.strip() for part in _ENDS.split(text) if part.strip()]


def key_words(text: str) -> list[str]:
    """The words that carry meaning, in lower case and in order; they may repeat."""
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON]


def summarise(text: str, keep: int = 3) -> str:
    """At most ``keep`` sentences of the text: those whose words the whole text uses most, in text order.

    Nothing is rephrased, so nothing is made up. A text of no more sentences comes back as it is.
    """
    parts = sentences(text[:LONGEST])
    if len(parts) <= keep:
        return " ".join(parts)
    often = Counter(word for part in parts for word in key_words(part))
    scores = [_weight(part, often) + (_OPENING if at == 0 else 0) for at, part in enumerate(parts)]
    best = sorted(range(len(parts)), key=lambda at: (-scores[at], at))[:keep]
    return " ".join(parts[at] for at in sorted(best))


def _weight(sentence: str, often: Counter[str]) -> float:
    """How frequent a sentence's words are on average."""
    words = key_words(sentence)
    # Divided by more than their number: a heading of one frequent word must not beat a sentence.
    return sum(often[word] for word in words) / (len(words) + 2)
