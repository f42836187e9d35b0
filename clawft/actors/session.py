"""One session: its messages wait here in order, and its turns are taken one at a time."""

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from clawft.actors.beside import beside
from clawft.actors.guards import Whose
from clawft.actors.line import Line
from clawft.actors.pipeline import Ending, Parts, Pipeline
from clawft.actors.place import PlaceInLine
from clawft.actors.publish import Teller
from clawft.actors.turn import OpenTurn
from clawft.actors.whole import whole
from clawft.domain.agents import DEFAULT_AGENT, AgentSpec
from clawft.domain.events import Event, MessageAdded, StreamDone
from clawft.domain.sessions import MODES, VOICE_SESSION, ChatMessage, Mode, SessionRecord
from clawft.domain.turns import EndedTurn
from clawft.domain.values import UNSET, Ok, UnsetType
from clawft.errors import (
    Busy,
    Cancelled,
    ClawftError,
    Conflict,
    ModelFailed,
    NotFound,
    StorageFull,
    Unavailable,
)
from clawft.messages.agents import Brief, ListAgents
from clawft.messages.delegation import StopChildren
from clawft.messages.sessions import (
    Accepted,
    AmendAnswer,
    DeleteSession,
    EndTurns,
    GetLine,
    Halted,
    OpenLine,
    OpenSession,
    PutMessage,
    SendMessage,
    StopAgentTurns,
    Stopped,
    StopSession,
    TakeAgain,
)
from clawft.runtime import Actor, MailboxFull, Reply, on
from clawft.store.sessions import no_session
from clawft.store.turns import Once, Sent

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""Messages that may wait behind the one being answered."""

AGAIN = 1.0
"""Seconds between two tries to keep what a turn left behind, while there is no room for it."""


class Session(Actor):
    """One conversation. Takes its turns one at a time, in the order they came.

    A turn runs beside the mailbox, so that meanwhile the session can be stopped, deleted and sent more. It is
    cancelled when whoever asked gives up, unless the message came with a key: then the sender may come back
    for the answer. The actor is not retired while a turn is open.
    """

    def __init__(self, *, parts: Parts, retire: Callable[[str], object]) -> None:
        super().__init__()
        self._parts = parts
        self._retire = retire
        self._record: SessionRecord | None = None
        self._deleted = False
        self._teller = Teller(self)
        self._line = Line()
        self._door = asyncio.Lock()
        """Held while a message is accepted, so that messages are stored in order."""

    # -- what may be asked

    @on(SendMessage)
    def send(self, message: SendMessage) -> Reply[ChatMessage]:
        """Answers with the assistant's message, when that is on the disk and published."""
        turn = self._turn_for(message, _once("sender", message.idempotency_key, message))
        reply: Reply[ChatMessage] = Reply()
        turn.answer_to(reply)
        self._enter(turn)
        return reply

    @on(PutMessage)
    def put(self, message: PutMessage) -> Reply[Accepted]:
        turn = self._turn_for(message, _once("host", message.once, message))
        reply: Reply[Accepted] = Reply()
        turn.takers.append(reply)
        self._enter(turn)
        return reply

    @on(TakeAgain)
    async def take_again(self, message: TakeAgain) -> None:
        left = message.turn
        story = await self._parts.turns.story(self.name, left.id)
        said = "\n\n".join(each.content for each in story.messages if each.role == "user")
        request_id = "" if isinstance(left.request_id, UnsetType) else left.request_id
        turn = OpenTurn(said, left.created_at, mode=left.mode, request_id=request_id, id=left.id)
        turn.stored, turn.mode, turn.attempts = True, left.mode, left.attempts
        turn.first_step = len(story.steps)
        self._enter(turn)

    @on(StopSession)
    def stop_turns(self, message: StopSession) -> Reply[Stopped]:
        """Answers when they have ended and that is on the disk."""
        if message.mode == "after_step":
            return beside(self, self._stop_after_step()).reply
        return beside(self, self._stop_now()).reply

    @on(EndTurns)
    def end_turns(self, message: EndTurns) -> Reply[Stopped]:
        return beside(self, self._ended(self._line.cancel_all(message.why))).reply

    @on(StopAgentTurns)
    def agent_stopped(self, note: StopAgentTurns) -> None:
        if self._record is not None and self._record.agent_id == note.agent_id:
            self._line.cancel_all("agent_stopped")

    @on(AmendAnswer)
    def amend(self, message: AmendAnswer) -> Reply[Ok]:
        return self._parts.sessions.amend(self.name, message.content)

    @on(GetLine)
    def line(self, _: GetLine) -> tuple[OpenLine, ...]:
        return tuple(OpenLine(turn.id, turn.is_running, turn.steps) for turn in self._line if turn.stored)

    @on(DeleteSession)
    def delete(self, _: DeleteSession) -> Reply[Ok]:
        """Once begun it is done whole: a session is never left half deleted."""
        self._deleted = True
        self._stop_children()
        turns = self._line.cancel_all("session_deleted")
        reply, task = beside(self, whole(self._delete(turns)))
        task.add_done_callback(lambda _: self._retire_unknown())
        return reply

    # -- the line

    def _turn_for(self, message: SendMessage | PutMessage, once: Once | None) -> OpenTurn:
        if self._deleted:
            raise no_session(self.name)
        if len(self._line) > MOST_WAITING:
            raise Busy(f"{MOST_WAITING} messages wait in the session {self.name} already", retry_after=2.0)
        return OpenTurn(
            message.content, self._parts.now(), mode=message.mode, request_id=message.request_id, once=once
        )

    def _enter(self, turn: OpenTurn) -> None:
        self._line.enter(turn)
        turn.task = self.background(self._take(turn))
        turn.task.add_done_callback(lambda _: self._leave(turn))

    def _leave(self, turn: OpenTurn) -> None:
        self._line.leave(turn)
        turn.over.set()
        turn.settle(None, Cancelled("the host was shut down"))  # only where nothing was settled before
        turn.pipeline = None  # it knows the turn: a circle would wait in memory for the collector
        if not self._line:
            self._retire_unknown()

    async def _stop_now(self) -> Stopped:
        halted = tuple(_halted(turn) for turn in self._line)
        turns = self._line.cancel_all("stopped")
        self._stop_children()
        if not turns:
            await self._known()
        stopped = await self._ended(turns)
        return Stopped(stopped=stopped.stopped, halted=tuple(each for some in halted for each in some))

    def _stop_children(self) -> None:
        """What was handed on and is not waited for."""
        if self._parts.rules:
            self.tell("delegation", StopChildren(self.name))

    async def _stop_after_step(self) -> Stopped:
        await self._known()
        running = tuple(turn for turn in self._line if turn.is_running and not turn.is_ending)
        waiting = tuple(turn for turn in self._line if turn not in running)
        for turn in running:
            turn.ends_after_step = True
        for turn in waiting:
            turn.cancel("stopped")
        ended = await self._ended(waiting)
        return Stopped(stopped=ended.stopped, stopping=tuple(turn.id for turn in running))

    async def _ended(self, turns: tuple[OpenTurn, ...]) -> Stopped:
        for turn in turns:
            await turn.over.wait()
        return Stopped(stopped=tuple(turn.id for turn in turns if turn.stored))

    async def _delete(self, turns: tuple[OpenTurn, ...]) -> Ok:
        try:
            await self._ended(turns)
            await self._parts.sessions.delete(self.name)
        except BaseException:
            self._deleted = False
            raise
        self._record = None
        return Ok()

    def _retire_unknown(self) -> None:
        """An actor for a key that no session has is of no use to anybody."""
        if self._record is None:
            self._retire(self.name)

    # -- one turn

    async def _take(self, turn: OpenTurn) -> None:
        """From the message to the answer. A turn that is on the disk always ends there too."""
        try:
            ending = await self._until_it_ends(turn)
        except asyncio.CancelledError:
            ending = turn.cancelled()
        except (ClawftError, MailboxFull) as error:
            ending = Ending("internal_error", _worded(error))
        except Exception:
            log.exception("turn %s failed", turn.id)
            ending = Ending(
                "internal_error", ClawftError("the turn failed inside the host; its log says why")
            )
        if ending is not None and turn.merged_into is None:
            await self._close(turn, ending)

    async def _close(self, turn: OpenTurn, ending: Ending) -> None:
        if not turn.stored:
            turn.settle(None, ending.error or ClawftError("the message was not accepted"))
            return
        message = await whole(self._end(turn, ending))
        turn.settle(message, ending.error or (None if message else ClawftError("the turn left no message")))

    async def _until_it_ends(self, turn: OpenTurn) -> Ending | None:
        """None: it has become a part of another turn, or was one that had been sent before."""
        turn.begin()
        if not turn.stored and not await whole(self._accept(turn)):
            return None
        await turn.its_turn.wait()
        return None if turn.merged_into is not None else await self._run(turn)

    async def _accept(self, turn: OpenTurn) -> bool:
        """The message and its turn, on the disk. Nothing is stored when the agent is stopped.

        False: it had been sent before, and whoever waits is given the answer to that.
        """
        async with self._door:
            turn.go_on()
            record = await self._known(make_voice=True)
            if turn.once is not None and await self._repeats(turn, turn.once):
                return False
            agent = await self.ask("agents", Brief(record.agent_id))
            turn.mode = _mode(turn.wished, record, agent)
            if self._line.is_first(turn):
                turn.begins(self._parts.now(), agent)
            said = ChatMessage("user", turn.content, turn.created_at)
            await self._parts.turns.accept(turn.record(record), said, turn.once)
            turn.stored = True
        turn.accepted(Accepted(turn.id))
        self._publish(MessageAdded(self.name, said))
        if turn.mode == "interrupt":
            self._line.jump(turn)
        return True

    async def _run(self, turn: OpenTurn) -> Ending:
        if not turn.is_running:
            await whole(self._begin(turn))
        session = await self._known()
        place = PlaceInLine(turn, self._line, session=session, turns=self._parts.turns, now=self._parts.now)
        if turn.mode == "collect":
            turn.content = "\n\n".join((turn.content, *await place.join("collect")))
        turn.pipeline = Pipeline(
            Whose(turn.id, turn.request_id, session),
            turn.content,
            place=place,
            parts=self._parts,
            ask=self.ask,
            publish=self._publish,
            first_step=turn.first_step,
            agent=turn.agent,
        )
        return await turn.pipeline.run()

    async def _begin(self, turn: OpenTurn) -> None:
        turn.begins(self._parts.now())
        await self._parts.turns.begin(turn.id, turn.started_at or self._parts.now())

    async def _end(self, turn: OpenTurn, ending: Ending) -> ChatMessage | None:
        """Keep all of it, then tell of it."""
        ended = turn.ended(await self._known(), ending, self._parts.now())
        kept = await self._keep(turn, ended)
        for guard in self._parts.guards:
            guard.turn_kept(turn.id)
        if kept and ended.message is not None:
            self._publish(MessageAdded(self.name, ended.message))
        if turn.pipeline is not None:
            self._publish(StreamDone(self.name))
        self._teller.flush()  # before the asker has the answer
        return ended.message

    async def _keep(self, turn: OpenTurn, ended: EndedTurn) -> bool:
        """Try until it is kept: a turn that is over must not look as if it ran. The asker is told at once.

        False: the session is gone.
        """
        while True:
            try:
                return await self._parts.turns.finish(ended)
            except (StorageFull, Unavailable, MailboxFull) as error:
                log.warning("turn %s has ended and cannot be kept yet: %s", turn.id, error)
                turn.settle(None, error)
            await asyncio.sleep(AGAIN)

    # -- messages that come twice

    async def _repeats(self, turn: OpenTurn, once: Once) -> bool:
        open_turn = self._line.sent_with(once.key, turn)
        if open_turn is not None and open_turn.once is not None:
            _check_same(once, open_turn.once.digest)
            turn.hand_over(open_turn)
            return True
        sent = await self._parts.turns.sent(self.name, once.key)
        if sent is None:
            return False
        _check_same(once, sent.digest)
        return self._answer_again(turn, sent)

    def _answer_again(self, turn: OpenTurn, sent: Sent) -> bool:
        into = next((each for each in self._line if each.id == sent.turn.id), None)
        if into is not None:
            turn.hand_over(into)
            return True
        turn.accepted(Accepted(sent.turn.id, repeated=True))
        is_answer = sent.answer is not None and sent.turn.error is UNSET
        turn.settle(sent.answer, None if is_answer else _error_of(sent))
        return True

    # -- who it is

    async def _known(self, *, make_voice: bool = False) -> SessionRecord:
        """What is fixed about this session. Raises ``NotFound`` when there is no such session."""
        if self._record is None:
            self._record = await self._parts.sessions.find(self.name)
        if self._record is None and make_voice and self.name == VOICE_SESSION:
            await self.ask("sessions", OpenSession(VOICE_SESSION, await self._voice_agent()))
            self._record = await self._parts.sessions.find(self.name)
        if self._record is None:
            raise no_session(self.name)
        return self._record

    async def _voice_agent(self) -> str:
        ids = [agent.id for agent in await self.ask("agents", ListAgents())]
        if not ids:
            raise NotFound("there is no agent to speak with")
        return DEFAULT_AGENT if DEFAULT_AGENT in ids else ids[0]

    def _publish(self, event: Event) -> None:
        self._teller.publish(event)


def _once(who: str, key: str, message: SendMessage | PutMessage) -> Once | None:
    body = f"{message.mode or ''}\n{message.content}"
    return Once(f"{who}:{key}", sha256(body.encode()).hexdigest()) if key else None


def _check_same(once: Once, digest: str) -> None:
    if once.digest != digest:
        raise Conflict("this Idempotency-Key came with another message before; take a new key")


def _error_of(sent: Sent) -> ClawftError:
    """What the asker was told instead of an answer."""
    turn = sent.turn
    words = turn.error if isinstance(turn.error, str) else f"the turn has ended: {turn.reason}"
    kinds: dict[Any, type[ClawftError]] = {"model_error": ModelFailed, "internal_error": ClawftError}
    return kinds.get(turn.reason, Cancelled)(words)


def _mode(wished: Mode | UnsetType, session: SessionRecord, agent: AgentSpec) -> Mode:
    """The message's own mode, or the session's, or the agent's."""
    asked = wished or session.mode or agent.config.get("message_mode")
    return next((mode for mode in MODES if mode == asked), "queue")


def _worded(error: ClawftError | MailboxFull) -> ClawftError:
    return error if isinstance(error, ClawftError) else Unavailable(str(error))


def _halted(turn: OpenTurn) -> tuple[Halted, ...]:
    running = turn.pipeline.progress.story.running if turn.pipeline else ()
    return tuple(Halted(turn.id, step.kind, step.name, step.call_id) for step in running)
