"""Memory as it is kept, and how candidates for a search are found in it."""

from collections.abc import Iterable
from typing import cast

import msgspec

from clawft.domain.memory import MemoryEntry
from clawft.domain.similarity import STOP_WORDS, Query, query_words
from clawft.domain.values import Success
from clawft.errors import NotFound
from clawft.runtime import Reply
from clawft.store.database import connection
from clawft.store.store import Store
from clawft.store.tables import MemoryRow

MAX_CANDIDATES = 200
"""Entries of one search that are scored."""

_MAX_GRAMS = 64
"""Trigrams of one search that are looked up."""

_MATCHING = """
    SELECT memory.* FROM {index} JOIN memory ON memory.id = {index}.rowid
    WHERE {index} MATCH ? AND (? IS NULL OR memory.namespace = ?)
    ORDER BY bm25({index}, 8.0, 1.0, 4.0) LIMIT ?"""


class MemoryStore:
    """Entries by key; a search picks candidates by full text and scores them by ``domain.similarity``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, entry: MemoryEntry) -> Reply[MemoryEntry]:
        """Keep an entry; the same key replaces what was there."""

        def work() -> MemoryEntry:
            row = {
                "key": entry.key,
                "value": entry.value,
                "namespace": entry.namespace,
                "tags": entry.tags,
                "updated_at": entry.updated_at,
            }
            update = {name: value for name, value in row.items() if name != "key"}
            MemoryRow.insert(**row).on_conflict(conflict_target=[MemoryRow.key], update=update).execute()
            return entry

        return self._store.write(work)

    def get(self, key: str) -> Reply[MemoryEntry]:
        """``NotFound`` if there is none."""

        def work() -> MemoryEntry:
            row = MemoryRow.get_or_none(MemoryRow.key == key)
            if row is None:
                raise _unknown(key)
            return _entry(row)

        return self._store.read(work)

    def list(self, namespace: str | None = None) -> Reply[tuple[MemoryEntry, ...]]:
        """Every entry, newest first."""

        def work() -> tuple[MemoryEntry, ...]:
            rows = MemoryRow.select().order_by(MemoryRow.updated_at.desc(), MemoryRow.id.desc())
            if namespace is not None:
                rows = rows.where(MemoryRow.namespace == namespace)
            return tuple(_entry(row) for row in rows)

        return self._store.read(work)

    def forget(self, key: str) -> Reply[Success]:
        """``NotFound`` if there is none."""

        def work() -> Success:
            if not MemoryRow.delete().where(MemoryRow.key == key).execute():
                raise _unknown(key)
            return Success()

        return self._store.write(work)

    def search(
        self, text: str, *, threshold: float, limit: int, namespace: str | None
    ) -> Reply[tuple[MemoryEntry, ...]]:
        """Entries that score at least ``threshold``, best first, each with its ``similarity``."""
        return self._store.read(lambda: _search(text, threshold, limit, namespace))


def _unknown(key: str) -> NotFound:
    return NotFound(f"nothing is remembered under the key {key[:200]}")


def _search(text: str, threshold: float, limit: int, namespace: str | None) -> tuple[MemoryEntry, ...]:
    asked = query_words(text)
    query = Query(text, _frequencies(asked), MemoryRow.select().count())
    scored = [
        msgspec.structs.replace(entry, similarity=round(similarity, 4))
        for entry in _candidates(text, asked, namespace)
        if (similarity := query.similarity(entry)) > 0 and similarity >= threshold
    ]
    # Among equals the order of the candidates stays: the index's, which knows how often and how densely.
    return tuple(sorted(scored, key=lambda entry: -cast("float", entry.similarity))[:limit])


def _frequencies(asked: tuple[str, ...]) -> dict[str, int]:
    """In how many entries each word occurs. Little words are everywhere; counting them is the slow part."""
    count = "SELECT count(*) FROM memory_words WHERE memory_words MATCH ?"
    return {
        word: connection().execute(count, (f'"{word}"',)).fetchone()[0]
        for word in asked
        if word not in STOP_WORDS
    }


def _candidates(text: str, asked: tuple[str, ...], namespace: str | None) -> list[MemoryEntry]:
    """Those of that key, those with words of that stem or beginning, and those with words that look alike."""
    found = {row.id: row for row in MemoryRow.select().where(MemoryRow.key == text.strip())}
    if namespace is not None:
        found = {id: row for id, row in found.items() if row.namespace == namespace}
    telling = tuple(word for word in asked if word not in STOP_WORDS) or asked
    for index, terms in (("memory_words", _word_terms(telling)), ("memory_grams", _gram_terms(telling))):
        room = MAX_CANDIDATES - len(found)
        if terms and room > 0:
            found |= {row.id: row for row in _matching(index, terms, namespace, room) if row.id not in found}
    return [_entry(row) for row in found.values()]


def _matching(index: str, terms: list[str], namespace: str | None, limit: int) -> Iterable[MemoryRow]:
    rows: Iterable[MemoryRow] = MemoryRow.raw(
        _MATCHING.format(index=index), " OR ".join(terms), namespace, namespace, limit
    )
    return rows


def _word_terms(asked: tuple[str, ...]) -> list[str]:
    """A user's text never gets into MATCH as it is: words are letters and digits, and stand in quotes."""
    return [f'"{word}"*' for word in asked]


def _gram_terms(asked: tuple[str, ...]) -> list[str]:
    grams = dict.fromkeys(word[at : at + 3] for word in asked for at in range(len(word) - 2))
    return [f'"{gram}"' for gram in list(grams)[:_MAX_GRAMS]]


def _entry(row: MemoryRow) -> MemoryEntry:
    return MemoryEntry(row.key, row.value, row.namespace, row.tags, row.updated_at)
