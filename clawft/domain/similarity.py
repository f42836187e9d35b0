"""Similarity: how well a remembered entry answers a query, from 0 to 1.

The measure is lexical: the share of the query's information (idf mass) that the entry's words answer. Whoever
adds a measure of meaning takes the larger of the two.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from math import log

from clawft.domain.memory import MemoryEntry

MAX_WORDS = 32
"""Distinct words of a query that count."""

MAX_TEXT = 32 * 1024
"""Characters of a value that are looked at; what stands behind them is indexed, but scores nothing."""

MAX_LOOSE = 400
"""Distinct words of an entry that are compared letter by letter: that is the expensive part."""

_KEY_EXACT, _TAG_EXACT, _KEY_WORD = 1.0, 0.97, 0.85
_IN_NAME, _IN_VALUE, _INFLECTED, _LONGER = 1.0, 0.95, 0.92, 0.86
_MOST = 0.94
"""What coverage alone can reach: below an exact key or tag."""

_WORD = re.compile(r"[^\W_]+")

STOP_WORDS = frozenset(
    _WORD.findall(
        "a about an and are as at be been by can could did do does for from get had has have how i if in is "
        "it its let may me my of on or our out please should so some tell that the their them then there "
        "these they this to up us was we were what when where which who whom whose why will with would you "
        "your"
    )
)
"""Words that a question has whatever it is about."""

_STOP_WEIGHT = 0.01
"""Next to nothing, but not nothing: a query may have no other words."""


def fold(text: str) -> str:
    """Without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """The runs of letters and digits; an underscore separates, as it does for SQLite's index."""
    return _WORD.findall(fold(text))


def query_words(text: str) -> tuple[str, ...]:
    """The distinct words of a query that count."""
    return tuple(dict.fromkeys(words(text)))[:MAX_WORDS]


class Query:
    """A query and how much each of its words weighs."""

    def __init__(self, text: str, frequencies: Mapping[str, int] | None = None, total: int = 0) -> None:
        """``frequencies``: in how many of ``total`` entries each word is; without them all weigh alike."""
        self.text = fold(text).strip()
        self.words = query_words(text)
        self._weights = {word: _weight(word, (frequencies or {}).get(word, 0), total) for word in self.words}
        self._mass = sum(self._weights.values())
        self._grams = {word: _grams(word) for word in self.words}

    def similarity(self, entry: MemoryEntry) -> float:
        """From 0 to 1: an exact key or tag at least 0.95, a whole word of the key at least 0.85."""
        return max(self._name_match(entry), self._coverage(_Words(entry)))

    def _name_match(self, entry: MemoryEntry) -> float:
        if fold(entry.key).strip() == self.text:
            return _KEY_EXACT
        if any(fold(tag).strip() == self.text for tag in entry.tags):
            return _TAG_EXACT
        key = set(words(entry.key))
        if self.words and key.issuperset(self.words):
            return _KEY_WORD + (_MOST - _KEY_WORD) * len(self.words) / len(key)
        return 0.0

    def _coverage(self, entry: "_Words") -> float:
        """The share of the query's weight that the entry's words answer."""
        if not self._mass:
            return 0.0
        answered = sum(weight * self._answer(word, entry) for word, weight in self._weights.items())
        return min(answered / self._mass, 1.0) * _MOST

    def _answer(self, word: str, entry: "_Words") -> float:
        if word in entry.name:
            return _IN_NAME
        if word in entry.value:
            return _IN_VALUE
        if word in STOP_WORDS:
            return 0.0
        grams = self._grams[word]
        return max((_alike(word, grams, other, theirs) for other, theirs in entry.loose), default=0.0)


class _Words:
    """The words of an entry."""

    def __init__(self, entry: MemoryEntry) -> None:
        self.name = dict.fromkeys(words(" ".join((entry.key, *entry.tags))))
        self.value = dict.fromkeys(words(entry.value[:MAX_TEXT]))

    @cached_property
    def loose(self) -> list[tuple[str, frozenset[str]]]:
        """The words to compare letter by letter, each with its trigrams."""
        chosen = list(dict.fromkeys((*self.name, *self.value)))[:MAX_LOOSE]
        return [(word, _grams(word)) for word in chosen if word not in STOP_WORDS]


def _weight(word: str, frequency: int, total: int) -> float:
    """Robertson's idf, never below 0.1: what is everywhere still was asked for."""
    if word in STOP_WORDS:
        return _STOP_WEIGHT
    return max(log(1 + (max(total, frequency) - frequency + 0.5) / (frequency + 0.5)), 0.1)


def _grams(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def _alike(word: str, grams: frozenset[str], other: str, theirs: frozenset[str]) -> float:
    """How alike two words are: of one stem, one the other's beginning, or with many trigrams in common."""
    if not word.isascii() and len(word) >= 2 and word in other:
        return _LONGER  # scripts without spaces: a word is a part of a run of letters
    if grams.isdisjoint(theirs):
        return 0.0  # nearly always, so it is asked first
    stem = _common_start(word, other)
    rest = max(len(word), len(other)) - stem
    if stem >= 3 and stem == min(len(word), len(other)):
        return _INFLECTED if rest <= 3 else _LONGER
    if stem >= 4 and rest <= 4:
        return _INFLECTED
    dice = 2 * len(grams & theirs) / (len(grams) + len(theirs))
    return dice if dice >= 0.5 else 0.0


def _common_start(one: str, other: str) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
