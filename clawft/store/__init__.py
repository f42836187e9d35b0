"""The store: one writer, many readers, one SQLite file. Rows stay in this room; values come out."""

from clawft.store.store import Store

__all__ = ["Store"]
