"""The one who hands tasks to other agents and models, and keeps track of them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NamedTuple

from clawft.actors.clock import Clock, utc_now
from clawft.actors.insist import insist
from clawft.actors.new_key import new_key
from clawft.actors.publish import publish
from clawft.actors.whole import whole
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.complexity import complexity
from clawft.domain.delegation import (
    MAX_DEPTH,
    MOST_CHILDREN,
    TIME_LIMIT,
    ActiveDelegation,
    DelegationHistory,
    DelegationRule,
    DelegationStatus,
    choose,
    ended_message,
)
from clawft.domain.events import DelegationChanged
from clawft.domain.values import Success
from clawft.errors import Cancelled, ClawftError, Conflict, NotFound
from clawft.messages.agents import Brief
from clawft.messages.delegation import (
    Choice,
    ChooseTarget,
    Delegate,
    Delegated,
    DeleteRule,
    GetHistory,
    ListActive,
    ListRules,
    PutRule,
    StopChildren,
)
from clawft.messages.sessions import OpenSession, PutMessage, SendMessage
from clawft.runtime import Actor, Reply, on
from clawft.store.delegations import DelegationStore

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds an answer waits for the record of the delegation's end, when the store is in trouble."""


class Child(NamedTuple):
    """A delegation in the background."""

    parent_key: str
    key: str
    work: "asyncio.Task[None]"


class Delegation(Actor):
    """Each delegation is a row before anything is done about it, and then a session in which it is done.

    ``pending``, ``running``, then ``completed`` or ``failed``; what a dying host leaves open is failed at the
    next start. Whoever gives up waiting cancels the child's turn.
    """

    concurrency = 1000  # a handler under way is a delegation under way

    def __init__(
        self,
        *,
        store: DelegationStore,
        now: Clock = utc_now,
        time_limit: float = TIME_LIMIT,
        resume: bool = True,
    ) -> None:
        """``resume``: parents that do not know of an end are told at the start."""
        super().__init__()
        self._store = store
        self._now = now
        self._time_limit = time_limit
        self._resume = resume
        self._active: dict[str, ActiveDelegation] = {}
        self._away: dict[str, Child] = {}
        """Those in the background."""
        self._stopped: set[str] = set()
        self._known_rules: tuple[DelegationRule, ...] | None = None
        """Every turn is asked about: kept until one is put or deleted."""

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        for left in await self._store.fail_open(self._now(), "the host stopped while it ran"):
            publish(self, DelegationChanged(left))
        if self._resume:
            self.background(self._tell_parents())

    @on(ListActive)
    def active(self, _: ListActive) -> tuple[ActiveDelegation, ...]:
        now = self._now()
        return tuple(each.now(each.status, now) for each in self._active.values())

    @on(ListRules)
    def rules(self, _: ListRules) -> Reply[tuple[DelegationRule, ...]]:
        return self._store.rules()

    @on(PutRule)
    async def put_rule(self, ask: PutRule) -> DelegationRule:
        rule = await self._store.put_rule(ask.rule)
        self._known_rules = None
        return rule

    @on(DeleteRule)
    async def delete_rule(self, ask: DeleteRule) -> Success:
        await self._store.delete_rule(ask.name)
        self._known_rules = None
        return Success()

    @on(GetHistory)
    def history(self, ask: GetHistory) -> Reply[DelegationHistory]:
        return self._store.history(ask.session, ask.target, ask.offset, ask.limit)

    @on(ChooseTarget)
    async def choose(self, ask: ChooseTarget) -> Choice | None:
        rule = choose(await self._rules_now(), ask.task, ask.complexity)
        return None if rule is None else Choice(rule.target, rule.name)

    async def _rules_now(self) -> tuple[DelegationRule, ...]:
        if self._known_rules is None:
            self._known_rules = await self._store.rules()
        return self._known_rules

    @on(Delegate)
    async def delegate(self, ask: Delegate) -> Delegated:
        if ask.depth >= MAX_DEPTH:
            raise Conflict(f"a task may be handed on {MAX_DEPTH} times, and this one was; do it here")
        if sum(each.session_key == ask.session_key for each in self._active.values()) >= MOST_CHILDREN:
            raise Conflict(f"{MOST_CHILDREN} tasks of this session are under way; wait until one has ended")
        delegation, child_key = await self._new(ask), new_key("sess")
        if ask.background:
            return await self._sent_off(ask, delegation, child_key)
        status: DelegationStatus = "failed"
        content = "whoever asked for it gave up"
        try:
            await whole(self._begin(delegation, child_key))
            content = await self._limited(self._carry_out(ask, delegation, child_key))
            status = "completed"
        except Exception as error:
            if delegation.task_id not in self._active:
                raise  # nothing was begun, because it could not be stored
            content = _why(error)
        finally:
            if delegation.task_id in self._active:
                await whole(self._end(delegation.now(status, self._now()), content))
        return Delegated(delegation.task_id, status, delegation.target, content)

    # -- in the background

    async def _sent_off(self, ask: Delegate, delegation: ActiveDelegation, child_key: str) -> Delegated:
        await self._store.begin(delegation, child_key, background=True)
        self._changed(delegation)
        work = self.background(self._alone(ask, delegation, child_key))
        self._away[delegation.task_id] = Child(ask.session_key, child_key, work)
        return Delegated(delegation.task_id, "running", delegation.target, "")

    async def _alone(self, ask: Delegate, delegation: ActiveDelegation, child_key: str) -> None:
        """Until it has ended and its parent was told. The host's own end leaves that to the next start."""
        status: DelegationStatus = "failed"
        try:
            content = await self._limited(self._carry_out(ask, delegation, child_key))
            status = "completed"
        except asyncio.CancelledError:
            if delegation.task_id not in self._stopped:
                raise
            content = "it was stopped"
        except Exception as error:
            content = _why(error)
        finally:
            self._away.pop(delegation.task_id, None)
        await self._end(delegation.now(status, self._now()), content)
        if delegation.task_id in self._stopped:  # by whoever would be told
            self._stopped.discard(delegation.task_id)
            await self._store.told(delegation.task_id)
        else:
            await self._tell_parents()

    async def _tell_parents(self) -> None:
        """Each end that a parent does not know of becomes a message to it. The same one is taken once."""
        for left in await self._store.untold():
            words = ended_message(left.task_id, left.target, left.status, left.content)
            message = PutMessage(left.session_key, words, once=f"end-{left.task_id}", mode="steer")
            try:
                await self.ask("sessions", message)
            except NotFound:
                log.info("the session %s of the task %s is gone", left.session_key, left.task_id)
            except ClawftError as error:
                log.warning("the end of the task %s is told at the next start: %s", left.task_id, error)
                continue
            await self._store.told(left.task_id)

    @on(StopChildren)
    def stop_children(self, note: StopChildren) -> None:
        for task_id, child in tuple(self._away.items()):
            if child.parent_key == note.session_key:
                self._stopped.add(task_id)
                child.work.cancel()
                self.stop_children(StopChildren(child.key))

    async def _new(self, ask: Delegate) -> ActiveDelegation:
        """The delegation as it begins. Where no rule says whom to take, the asker's own agent does it."""
        measured = complexity(ask.task)
        rule = None if ask.target else choose(await self._rules_now(), ask.tool_name, measured)
        return ActiveDelegation(
            task_id=new_key("del"),
            session_key=ask.session_key,
            target=ask.target or (rule.target if rule else "") or ask.agent_id or DEFAULT_AGENT,
            status="pending",
            started_at=self._now(),
            latency_ms=0,
            tool_name=ask.tool_name,
            complexity=measured,
        )

    async def _begin(self, delegation: ActiveDelegation, child_key: str) -> None:
        await self._store.begin(delegation, child_key)
        self._changed(delegation)

    async def _limited(self, work: Coroutine[Any, Any, str]) -> str:
        try:
            async with asyncio.timeout(self._time_limit):
                return await work
        except TimeoutError as error:
            raise Cancelled(f"it was not done within {self._time_limit:g} seconds") from error

    async def _carry_out(self, ask: Delegate, delegation: ActiveDelegation, child_key: str) -> str:
        agent_id, model = await self._who(delegation.target, ask.agent_id)
        await self.ask(
            "sessions",
            OpenSession(child_key, agent_id, model, parent_key=ask.session_key, depth=ask.depth + 1),
        )
        await self._store.running(delegation.task_id)
        self._changed(delegation.now("running", self._now()))
        return (
            await self.ask("sessions", SendMessage(child_key, ask.task, request_id=ask.request_id))
        ).content

    async def _who(self, target: str, asker: str) -> tuple[str, str]:
        """Agent and model: a target that no agent is called by is a model, and the asker's agent uses it."""
        try:
            await self.ask("agents", Brief(target))
        except NotFound:
            return asker or DEFAULT_AGENT, target
        return target, ""

    async def _end(self, ended: ActiveDelegation, content: str) -> None:
        """Record it. A store in trouble keeps the asker waiting for a moment, and the record for longer."""
        recording = self.background(self._record(ended, content))
        await asyncio.wait([recording], timeout=PATIENCE)

    async def _record(self, ended: ActiveDelegation, content: str) -> None:
        at, good = self._now(), ended.status == "completed"
        error, answer = ("", content) if good else (content, "")
        await insist(
            lambda: self._store.end(ended, at, error, answer), f"the end of the delegation {ended.task_id}"
        )
        del self._active[ended.task_id]
        self._changed(ended)

    def _changed(self, delegation: ActiveDelegation) -> None:
        if delegation.status in ("pending", "running"):
            self._active[delegation.task_id] = delegation
        publish(self, DelegationChanged(delegation))


def _why(error: Exception) -> str:
    if isinstance(error, ClawftError):
        return str(error)
    log.error("a delegation failed", exc_info=error)
    return f"an internal error: {type(error).__name__}"
