"""The audit log: who changed what, each entry chained to the one before it."""

import hashlib
from datetime import datetime

import msgspec

from clawft.domain.values import Value

FIRST = "0" * 64
"""What the first entry is chained to."""


class AuditEntry(Value, frozen=True):
    """One thing that was done. ``hash`` covers all other members and the entry before."""

    seq: int
    at: datetime
    actor: str
    """Who: a token by its id, this machine's operator (``local``), or the holder of the secret."""
    peer: str
    action: str
    """``METHOD /path`` as the API calls it; never what was in the body."""
    detail: str
    hash: str


class AuditReport(Value, frozen=True):
    """Whether the log is whole."""

    ok: bool
    entries: int
    head: str
    """The hash of the newest entry; written down elsewhere it shows later whether the end was cut off."""
    trouble: str = ""


class AuditPage(Value, frozen=True):
    """Entries, newest first."""

    items: tuple[AuditEntry, ...]
    total: int
    limit: int
    offset: int


def chained(before: str, seq: int, at: str, *said: str) -> str:
    """The hash of an entry. ``at`` as it is stored."""
    text = msgspec.json.encode([before, seq, at, *said])
    return hashlib.sha256(text).hexdigest()
