"""The one who finds sessions: makes, lists and forgets them, and hands on what is meant for one of them."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from clawft.actors.beside import beside
from clawft.actors.clock import Clock, utc_now
from clawft.actors.guards import Guard
from clawft.actors.new_key import new_key
from clawft.actors.pipeline import TIME_LIMIT, Parts
from clawft.actors.session import Session
from clawft.actors.whole import whole
from clawft.domain.sessions import ChatMessage, SessionDetail, SessionExport, SessionRecord, SessionSummary
from clawft.domain.steps import Excerpt, excerpt, shown
from clawft.domain.turns import Turn, TurnStory
from clawft.domain.values import UNSET, Ok, UnsetType
from clawft.drivers.models.registry import Models
from clawft.errors import Conflict, NotFound, Unavailable
from clawft.messages.agents import GetAgent
from clawft.messages.sessions import (
    Accepted,
    AmendAnswer,
    CloseSessions,
    CountSessions,
    CreateSession,
    DeleteSession,
    EndTurns,
    ExportSession,
    GetLine,
    GetSession,
    GetTurn,
    ListSessions,
    ListTurns,
    OpenLine,
    OpenSession,
    PutMessage,
    ReadResult,
    Recount,
    SendMessage,
    Shed,
    StopAgentTurns,
    Stopped,
    StopSession,
    TakeAgain,
)
from clawft.runtime import Actor, Directory, Ref, Reply, System, on
from clawft.store.outcomes import OutcomeStore
from clawft.store.sessions import SessionStore, no_session
from clawft.store.store import Store
from clawft.store.turns import TurnStore

log = logging.getLogger(__name__)

LONGEST_KEY = 200

CLOSING_PATIENCE = 3.0
"""Seconds the turns have to end when the host shuts down."""


def spawn_sessions(
    system: System,
    store: Store,
    models: Models,
    *,
    now: Clock = utc_now,
    time_limit: float = TIME_LIMIT,
    idle: float = 300.0,
    guards: Sequence[Guard] = (),
    rules: bool = False,
    resume: bool = True,
) -> Ref:
    """Start ``sessions`` and what it finds its sessions with.

    ``resume``: turns that a dying host left and that changed nothing begin again.
    ``rules``: there is a ``delegation`` whose rules may name a model for a kind of request.
    ``guards`` are asked before every call of a model or a tool. ``time_limit``: seconds one turn may take.
    ``idle``: seconds after which a session without a turn sleeps.
    The directory is made here and not by the actor, so that sessions outlive a restart of it.
    """
    parts = Parts(
        SessionStore(store),
        TurnStore(store),
        OutcomeStore(store),
        models,
        now=now,
        time_limit=time_limit,
        guards=tuple(guards),
        rules=rules,
    )
    directory: Directory = system.virtual(
        Session, "sessions", lambda key: Session(parts=parts, retire=directory.retire), idle=idle
    )
    return system.spawn(Sessions, "sessions", parts=parts, directory=directory, resume=resume)


class Sessions(Actor):
    """Knows all sessions by the store, and reaches the ones at work by key."""

    def __init__(self, *, parts: Parts, directory: Directory, resume: bool = True) -> None:
        super().__init__()
        self._parts = parts
        self._directory = directory
        self._count = 0
        self._closing = False
        self._shedding = False
        self._resume = resume

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        """Turns that the last host left open are ended before anything is asked."""
        if not self._directory.active():  # else only this actor has begun anew, and its sessions are at work
            await self._pick_up()
        self._count = await self._parts.sessions.count()

    async def _pick_up(self) -> None:
        left = await self._parts.turns.interrupt_open(self._parts.now(), again=self._resume)
        for turn in left.ended:
            log.warning("turn %s of %s was interrupted when the host died", turn.id, turn.session_key)
        for turn in left.again:
            log.warning("turn %s of %s begins again: the host died under it", turn.id, turn.session_key)
            again = self._directory.ask(turn.session_key, TakeAgain(turn))
            again.add_done_callback(partial(_look_at, turn.id))

    # -- all of them

    @on(ListSessions)
    def list(self, _: ListSessions) -> Reply[tuple[SessionSummary, ...]]:
        return self._parts.sessions.list()

    @on(CountSessions)
    def count(self, _: CountSessions) -> int:
        return self._count

    @on(CreateSession)
    def create(self, message: CreateSession) -> Reply[SessionSummary]:
        mode = "" if isinstance(message.mode, UnsetType) else message.mode
        record = SessionRecord(new_key("sess"), message.agent_id, self._parts.now(), mode=mode)
        return beside(self, whole(self._create(record))).reply

    @on(OpenSession)
    def open(self, message: OpenSession) -> Reply[SessionSummary]:
        record = SessionRecord(
            key=message.key,
            agent_id=message.agent_id,
            created_at=self._parts.now(),
            model=message.model,
            parent_key=message.parent_key,
            depth=message.depth,
        )
        return beside(self, whole(self._open(record))).reply

    async def _create(self, record: SessionRecord) -> SessionSummary:
        await self.ask("agents", GetAgent(record.agent_id))  # not_found when there is no such agent
        summary = await self._parts.sessions.create(record)
        self._count += 1
        return summary

    async def _open(self, record: SessionRecord) -> SessionSummary:
        if await self._parts.sessions.find(record.key) is None:
            try:
                return await self._create(record)
            except Conflict:
                log.info("the session %s was made by somebody else at the same time", record.key)
        detail = await self._parts.sessions.get(record.key)
        return SessionSummary(detail.key, detail.agent_id, detail.message_count, detail.updated_at)

    # -- one of them, at rest

    @on(GetSession)
    def get(self, message: GetSession) -> Reply[SessionDetail]:
        return self._parts.sessions.get(message.key)

    @on(ExportSession)
    def export(self, message: ExportSession) -> Reply[SessionExport]:
        return beside(self, self._export(message.key)).reply

    async def _export(self, key: str) -> SessionExport:
        return SessionExport(await self._parts.sessions.messages(key))

    @on(ListTurns)
    def turns(self, message: ListTurns) -> Reply[tuple[Turn, ...]]:
        return beside(self, self._turns(message.key)).reply

    async def _turns(self, key: str) -> tuple[Turn, ...]:
        if await self._parts.sessions.find(key) is None:
            raise no_session(key)
        line = await self._line(key)
        turns = await self._parts.turns.list(key)
        if any(turn.ended_at is UNSET and turn.id not in line for turn in turns):
            # One was accepted or ended between the two looks.
            line, turns = await self._line(key), await self._parts.turns.list(key)
        return tuple(_as_it_is(turn, line) for turn in turns)

    async def _line(self, key: str) -> dict[str, tuple[int, OpenLine]]:
        """The open turns of a session by id, each with its place in the line."""
        if key not in self._directory:
            return {}
        line = await self._directory.ask(key, GetLine())
        return {turn.turn_id: (place, turn) for place, turn in enumerate(line)}

    @on(GetTurn)
    def turn(self, message: GetTurn) -> Reply[TurnStory]:
        return beside(self, self._story(message)).reply

    async def _story(self, message: GetTurn) -> TurnStory:
        line = await self._line(message.key)
        story = await self._parts.turns.story(message.key, message.id)
        live = line[story.id][1].steps if story.id in line and story.ended_at is UNSET else ()
        numbers = {step.number for step in live}
        kept = tuple(step for step in story.steps if step.number not in numbers)
        return _as_it_is(replace(story, steps=tuple(map(shown, (*kept, *live)))), line)

    @on(ReadResult)
    def result(self, message: ReadResult) -> Reply[Excerpt]:
        return beside(self, self._result(message)).reply

    async def _result(self, message: ReadResult) -> Excerpt:
        for _, turn in (await self._line(message.key)).values():
            for step in reversed(turn.steps):
                if step.call_id == message.call_id and isinstance(step.result, str):
                    return excerpt(step.result, message.offset, message.limit)
        kept = await self._parts.turns.result(message.key, message.call_id)
        if kept is None:
            raise NotFound(f"no tool call of this session with the id {message.call_id[:100]} has a result")
        return excerpt(kept, message.offset, message.limit)

    # -- one of them, at work

    @on(Recount)
    async def recount(self, _: Recount) -> None:
        self._count = await self._parts.sessions.count()

    @on(Shed)
    def shed(self, note: Shed) -> None:
        self._shedding = note.work
        if note.idle and (put_away := self._directory.retire_idle()):
            log.warning("%d idle sessions were put away: memory is short", put_away)

    def _refuse_when_full(self) -> None:
        if self._closing:
            raise Unavailable("the host is shutting down", retry_after=5.0)
        if self._shedding:
            raise Unavailable("memory is short, so new work is refused for a while", retry_after=10.0)

    @on(AmendAnswer)
    def amend(self, message: AmendAnswer) -> Reply[Ok]:
        return self._directory.ask(_possible(message.key), message)

    @on(SendMessage)
    def send(self, message: SendMessage) -> Reply[ChatMessage]:
        self._refuse_when_full()
        return self._directory.ask(_possible(message.key), message)

    @on(PutMessage)
    def put(self, message: PutMessage) -> Reply[Accepted]:
        self._refuse_when_full()
        return self._directory.ask(_possible(message.key), message)

    @on(StopSession)
    def stop_turns(self, message: StopSession) -> Reply[Stopped]:
        return self._directory.ask(_possible(message.key), message)

    @on(DeleteSession)
    def delete(self, message: DeleteSession) -> Reply[Ok]:
        return beside(self, whole(self._delete(message))).reply

    async def _delete(self, message: DeleteSession) -> Ok:
        ok = await self._directory.ask(_possible(message.key), message)
        self._count -= 1
        return ok

    @on(StopAgentTurns)
    def agent_stopped(self, note: StopAgentTurns) -> None:
        for key in self._directory.active():
            self._directory.tell(key, note)

    @on(CloseSessions)
    def close(self, _: CloseSessions) -> Reply[None]:
        self._closing = True
        return beside(self, self._close()).reply

    async def _close(self) -> None:
        ends = [self._directory.ask(key, EndTurns("host_stopped")) for key in self._directory.active()]
        try:
            async with asyncio.timeout(CLOSING_PATIENCE):
                for end in ends:
                    await end
        except TimeoutError:
            log.error("not every turn ended in time; the next start will find them interrupted")


def _look_at(turn_id: str, again: Reply[None]) -> None:
    try:
        again.result()
    except Exception as error:
        log.error("turn %s could not begin again: %s", turn_id, error)


_T = TypeVar("_T", bound=Turn)


def _as_it_is(turn: _T, line: Mapping[str, tuple[int, OpenLine]]) -> _T:
    """A turn as the session at work says. One that is open and in no line has nobody who works on it."""
    if turn.ended_at is not UNSET:
        return turn
    if turn.id not in line:
        return replace(turn, state="interrupted")
    place, live = line[turn.id]
    if live.running:
        return replace(turn, state="running")
    return replace(turn, state="queued", position=max(1, place))


def _possible(key: str) -> str:
    """The key, if a session might have it. What cannot be one is not worth an actor."""
    if not key or len(key) > LONGEST_KEY:
        raise no_session(key)
    return key
