"""One session: its messages wait here in order, and its turns are taken one at a time."""

import asyncio
import logging
from collections.abc import Callable

from clawft.actors.beside import beside
from clawft.actors.pipeline import Ending, Parts, Pipeline
from clawft.actors.publish import publish
from clawft.actors.turn import OpenTurn
from clawft.actors.whole import whole
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.events import Event, MessageAdded, StreamDone
from clawft.domain.sessions import VOICE_SESSION, ChatMessage, SessionRecord
from clawft.domain.turns import EndedTurn, TurnEnd
from clawft.domain.values import Ok
from clawft.errors import Busy, ClawftError, NotFound, StorageFull, Unavailable
from clawft.messages.agents import Brief, ListAgents
from clawft.messages.sessions import (
    DeleteSession,
    EndTurns,
    OpenSession,
    SendMessage,
    StopAgentTurns,
    Stopped,
    StopSession,
)
from clawft.runtime import Actor, MailboxFull, Reply, on
from clawft.store.sessions import no_session

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""Messages that may wait behind the one being answered."""

AGAIN = 1.0
"""Seconds between two tries to keep what a turn left behind, while there is no room for it."""


class Session(Actor):
    """One conversation. Takes its turns one at a time, in the order they came.

    A turn runs beside the mailbox, so that meanwhile the session can be stopped, deleted and sent more. It is
    cancelled when whoever asked gives up. The actor is not retired while a turn is open.
    """

    def __init__(self, *, parts: Parts, retire: Callable[[str], object]) -> None:
        super().__init__()
        self._parts = parts
        self._retire = retire
        self._record: SessionRecord | None = None
        self._deleted = False
        self._line: list[OpenTurn] = []
        """Open turns in the order they came; the first one runs."""
        self._door = asyncio.Lock()
        """Held while a message is accepted, so that messages are stored in order."""

    # -- what may be asked

    @on(SendMessage)
    def send(self, message: SendMessage) -> Reply[ChatMessage]:
        """Answers with the assistant's message, when that is on the disk and published."""
        if self._deleted:
            raise no_session(self.name)
        if len(self._line) > MOST_WAITING:
            raise Busy(f"{MOST_WAITING} messages wait in the session {self.name} already", retry_after=2.0)
        turn = OpenTurn(message.content, self._parts.now())
        self._line.append(turn)
        self._line[0].its_turn.set()
        turn.reply, turn.task = beside(self, self._take(turn))
        turn.task.add_done_callback(lambda _: self._leave(turn))
        return turn.reply

    @on(StopSession)
    def stop_turns(self, _: StopSession) -> Reply[Stopped]:
        """Answers when they have ended and that is on the disk."""
        return beside(self, self._stopped(self._cancel_all("stopped"))).reply

    @on(EndTurns)
    def end_turns(self, message: EndTurns) -> Reply[Stopped]:
        return beside(self, self._ended(self._cancel_all(message.why))).reply

    @on(StopAgentTurns)
    def agent_stopped(self, note: StopAgentTurns) -> None:
        if self._record is not None and self._record.agent_id == note.agent_id:
            self._cancel_all("agent_stopped")

    @on(DeleteSession)
    def delete(self, _: DeleteSession) -> Reply[Ok]:
        """Once begun it is done whole: a session is never left half deleted."""
        self._deleted = True
        turns = self._cancel_all("session_deleted")
        reply, task = beside(self, whole(self._delete(turns)))
        task.add_done_callback(lambda _: self._retire_unknown())
        return reply

    # -- the line

    def _cancel_all(self, why: TurnEnd) -> tuple[OpenTurn, ...]:
        turns = tuple(self._line)
        for turn in turns:
            turn.cancel(why)
        return turns

    async def _ended(self, turns: tuple[OpenTurn, ...]) -> Stopped:
        for turn in turns:
            await turn.over.wait()
        return Stopped(stopped=tuple(turn.id for turn in turns if turn.stored))

    async def _stopped(self, turns: tuple[OpenTurn, ...]) -> Stopped:
        if not turns:
            await self._known()
        return await self._ended(turns)

    async def _delete(self, turns: tuple[OpenTurn, ...]) -> Ok:
        try:
            await self._ended(turns)
            await self._parts.sessions.delete(self.name)
        except BaseException:
            self._deleted = False
            raise
        self._record = None
        return Ok()

    def _leave(self, turn: OpenTurn) -> None:
        self._line.remove(turn)
        turn.over.set()
        if self._line:
            self._line[0].its_turn.set()
        else:
            self._retire_unknown()

    def _retire_unknown(self) -> None:
        """An actor for a key that no session has is of no use to anybody."""
        if self._record is None:
            self._retire(self.name)

    # -- one turn

    async def _take(self, turn: OpenTurn) -> ChatMessage:
        """From the message to the answer. A turn that is on the disk always ends there too."""
        try:
            turn.begin()
            await whole(self._accept(turn))
            await turn.its_turn.wait()
            ending = await self._run(turn)
        except asyncio.CancelledError:
            ending = turn.cancelled()
        if not turn.stored:
            raise ending.error or ClawftError("the message was not accepted")
        message = await whole(self._end(turn, ending))
        if ending.error is not None or message is None:
            raise ending.error or ClawftError("the turn left no message")
        return message

    async def _accept(self, turn: OpenTurn) -> None:
        """The message and its turn, on the disk. Nothing is stored when the agent is stopped."""
        async with self._door:
            turn.go_on()
            record = await self._known(make_voice=True)
            await self.ask("agents", Brief(record.agent_id))
            said = ChatMessage("user", turn.content, turn.created_at)
            await self._parts.turns.accept(turn.record(record), said)
            turn.stored = True
            self._publish(MessageAdded(self.name, said))

    async def _run(self, turn: OpenTurn) -> Ending:
        turn.started_at = self._parts.now()
        try:
            await self._parts.turns.begin(turn.id, turn.started_at)
        except (ClawftError, MailboxFull) as error:
            return Ending(
                "internal_error", error if isinstance(error, ClawftError) else Unavailable(str(error))
            )
        turn.pipeline = Pipeline(
            turn.id,
            turn.content,
            session=await self._known(),
            parts=self._parts,
            ask=self.ask,
            publish=self._publish,
        )
        return await turn.pipeline.run()

    async def _end(self, turn: OpenTurn, ending: Ending) -> ChatMessage | None:
        """Keep all of it, then tell of it."""
        ended = turn.ended(await self._known(), ending, self._parts.now())
        kept = await self._keep(turn, ended)
        if kept and ended.message is not None:
            self._publish(MessageAdded(self.name, ended.message))
        if turn.pipeline is not None:
            self._publish(StreamDone(self.name))
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
                turn.reply.settle(None, error)
            await asyncio.sleep(AGAIN)

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
        publish(self, event)
