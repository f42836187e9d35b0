"""The one who remembers who did what."""

from clawft.actors.clock import Clock, utc_now
from clawft.actors.insist import insist
from clawft.domain.audit import AuditPage, AuditReport
from clawft.messages.audit import ListAudit, Record, VerifyAudit
from clawft.runtime import Actor, Reply, on
from clawft.store.audit import AuditStore


class Audit(Actor):
    """Entries are kept in the order in which they were told."""

    mailbox_limit = 100_000

    def __init__(self, *, store: AuditStore, now: Clock = utc_now) -> None:
        super().__init__()
        self._store = store
        self._now = now

    @on(Record)
    async def record(self, note: Record) -> None:
        at = self._now()
        await insist(
            lambda: self._store.add(at, note.actor, note.peer, note.action, note.detail),
            f"that {note.actor} did {note.action}",
        )

    @on(ListAudit)
    def list(self, ask: ListAudit) -> Reply[AuditPage]:
        return self._store.page(ask.limit, ask.offset)

    @on(VerifyAudit)
    def verify(self, _: VerifyAudit) -> Reply[AuditReport]:
        return self._store.verify()
