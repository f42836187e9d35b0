"""The one who asks people: keeps calls that wait for one, and tells what was decided."""

import asyncio
import logging

from clawft.actors.beside import beside
from clawft.actors.clock import Clock, utc_now
from clawft.actors.publish import publish
from clawft.domain.approvals import Approval, ApprovalState
from clawft.domain.events import ApprovalChanged
from clawft.errors import Conflict
from clawft.messages.approvals import AskApproval, Decide, GetApproval, IsTainted, ListApprovals
from clawft.messages.sessions import CountSessions
from clawft.runtime import Actor, Reply, on
from clawft.store.approvals import ApprovalStore

log = logging.getLogger(__name__)


class Approvals(Actor):
    """A row is on the disk before anybody is asked, and the decision before anything is done."""

    mailbox_limit = 10_000

    def __init__(self, *, store: ApprovalStore, now: Clock = utc_now) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._waiting: dict[str, asyncio.Future[Approval]] = {}

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        await self.ask("sessions", CountSessions())  # has ended the turns that died
        void = await self._store.settle(self._now())
        if void:
            log.warning("%d approvals are void: the host began anew", void)

    @on(ListApprovals)
    def list(self, ask: ListApprovals) -> Reply[tuple[Approval, ...]]:
        return self._store.list(ask.state, ask.session, ask.limit)

    @on(GetApproval)
    def get(self, ask: GetApproval) -> Reply[Approval]:
        return self._store.get(ask.id)

    @on(IsTainted)
    def is_tainted(self, ask: IsTainted) -> Reply[bool]:
        return self._store.is_tainted(ask.session_key)

    @on(AskApproval)
    def ask_for(self, ask: AskApproval) -> Reply[Approval]:
        return beside(self, self._asked(ask.approval)).reply

    async def _asked(self, approval: Approval) -> Approval:
        kept = await self._store.add(approval)
        decision: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        self._waiting[kept.id] = decision
        publish(self, ApprovalChanged(kept))
        try:
            async with asyncio.timeout(max(0.0, (kept.expires_at - self._now()).total_seconds())):
                return await decision
        except TimeoutError:
            return await self._expired(kept)
        except asyncio.CancelledError:
            # Whoever waited is gone; what the store does not get to write is settled at the next start.
            self._store.decide(kept.id, "void", self._now(), note="the turn ended first")
            raise
        finally:
            if self._waiting.get(kept.id) is decision:
                del self._waiting[kept.id]

    async def _expired(self, approval: Approval) -> Approval:
        try:
            settled = await self._store.decide(approval.id, "expired", self._now())
        except Conflict:  # somebody decided at the last moment
            return await self._store.get(approval.id)
        publish(self, ApprovalChanged(settled))
        return settled

    @on(Decide)
    async def decide(self, ask: Decide) -> Approval:
        state: ApprovalState = "approved" if ask.decision == "approve" else "denied"
        by = ask.caller.token_id or ask.caller.via
        settled = await self._store.decide(ask.id, state, self._now(), by, ask.note)
        waiting = self._waiting.pop(ask.id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(settled)
        publish(self, ApprovalChanged(settled))
        return settled
