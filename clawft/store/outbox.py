"""The outbox at rest: what is to be delivered, and what became of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

import msgspec

from clawft.domain.deliveries import Delivery, DeliveryPage, DeliveryState, Verdict
from clawft.domain.sessions import ChatMessage
from clawft.errors import Conflict, NotFound
from clawft.runtime import Reply
from clawft.store.columns import column, given, moment_text
from clawft.store.database import connection
from clawft.store.sessions import add_messages
from clawft.store.store import Store
from clawft.store.tables import DeliveryRow

# SQLite takes the other columns from the row that has the minimum.
_DUE = """
    SELECT channel, id, min(created_at) FROM outbox
    WHERE state = 'queued' AND (next_attempt IS NULL OR next_attempt <= ?) GROUP BY channel"""


class OutboxStore:
    """Deliveries by id. Each method is one transaction; what it answers is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, deliveries: Iterable[Delivery]) -> Reply[None]:
        kept = tuple(deliveries)
        return self._store.write(lambda: add_deliveries(kept))

    def due(self, at: datetime) -> Reply[tuple[tuple[str, str], ...]]:
        """Of each channel, its name and the id of the oldest delivery that may be tried now."""
        return self._store.read(lambda: _due(at))

    def begin(self, id: str, at: datetime) -> Reply[Delivery | None]:
        """A try begins; None: it is not queued any more. From here on, dying leaves it ``unknown``."""
        return self._store.write(lambda: _begin(id, at))

    def settle(self, id: str, verdict: Verdict, at: datetime) -> Reply[Delivery]:
        """What a try came to."""
        return self._store.write(lambda: _settle(id, verdict, at))

    def say(self, id: str, session_key: str, message: ChatMessage, at: datetime) -> Reply[Delivery]:
        """Deliver into a session: said and marked as sent in one transaction, so it is never in doubt."""
        return self._store.write(lambda: _say(id, session_key, message, at))

    def doubt_open(self, at: datetime) -> Reply[tuple[Delivery, ...]]:
        """Tries that a host left under way when it died are ``unknown``; the answer is these."""
        return self._store.write(lambda: _doubt_open(at))

    def resend(self, id: str, at: datetime) -> Reply[Delivery]:
        """Queue a delivery again that has failed or is unknown, as a person has decided."""
        return self._store.write(lambda: _resend(id, at))

    def page(self, state: DeliveryState | None, limit: int, offset: int) -> Reply[DeliveryPage]:
        """A page, newest first, of those in a state or of all."""
        return self._store.read(lambda: _page(state, limit, offset))


def add_deliveries(deliveries: Iterable[Delivery]) -> None:
    """Inside a write: queue them."""
    for delivery in deliveries:
        members = msgspec.structs.asdict(delivery).items()
        DeliveryRow.create(**{name: column(value) for name, value in members})


def _get(id: str) -> Delivery:
    row = DeliveryRow.get_or_none(DeliveryRow.id == id)
    if row is None:
        raise NotFound(f"no delivery has the id {id[:200]}")
    return _delivery(row)


def _due(at: datetime) -> tuple[tuple[str, str], ...]:
    rows: Iterable[tuple[str, str, str]] = connection().execute(_DUE, (moment_text(at),))
    return tuple((channel, id) for channel, id, _ in rows)


def _begin(id: str, at: datetime) -> Delivery | None:
    begun = DeliveryRow.update(
        state="attempting", attempts=DeliveryRow.attempts + 1, updated_at=at, next_attempt=None, detail=None
    ).where((DeliveryRow.id == id) & (DeliveryRow.state == "queued"))
    return _get(id) if begun.execute() else None


def _settle(id: str, verdict: Verdict, at: datetime) -> Delivery:
    DeliveryRow.update(
        state=verdict.state,
        detail=verdict.detail or None,
        next_attempt=column(verdict.next_attempt),
        updated_at=at,
    ).where(DeliveryRow.id == id).execute()
    return _get(id)


def _say(id: str, session_key: str, message: ChatMessage, at: datetime) -> Delivery:
    add_messages(session_key, (message,))
    return _settle(id, Verdict("sent", ""), at)


def _doubt_open(at: datetime) -> tuple[Delivery, ...]:
    ids = [row.id for row in DeliveryRow.select().where(DeliveryRow.state == "attempting")]
    doubt = Verdict("unknown", "the host stopped while it was being sent: it may have arrived or not")
    return tuple(_settle(id, doubt, at) for id in ids)


def _resend(id: str, at: datetime) -> Delivery:
    delivery = _get(id)
    if delivery.state not in ("failed", "unknown"):
        raise Conflict(f"the delivery {id} is {delivery.state}: what failed or is unknown can be sent again")
    DeliveryRow.update(attempts=0).where(DeliveryRow.id == id).execute()
    return _settle(id, Verdict("queued", "sent again by hand"), at)


def _page(state: DeliveryState | None, limit: int, offset: int) -> DeliveryPage:
    chosen = DeliveryRow.select()
    if state is not None:
        chosen = chosen.where(DeliveryRow.state == state)
    rows = chosen.order_by(DeliveryRow.created_at.desc(), DeliveryRow.id).offset(offset).limit(limit)
    return DeliveryPage(tuple(_delivery(row) for row in rows), chosen.count(), limit, offset)


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        channel=row.channel,
        content=row.content,
        state=cast("DeliveryState", row.state),
        created_at=row.created_at,
        updated_at=row.updated_at,
        attempts=row.attempts,
        to=given(row.to),
        source=given(row.source),
        next_attempt=given(row.next_attempt),
        detail=given(row.detail),
    )
