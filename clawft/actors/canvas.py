"""The one who keeps the canvas: draws on it, and passes on what people do to it."""

import logging
from asyncio import CancelledError

from pykka import ActorDeadError

from clawft.actors.publish import publish
from clawft.actors.whole import whole
from clawft.domain.canvas import Board, CanvasElement, checked, told
from clawft.domain.events import CanvasChanged
from clawft.domain.sessions import ChatMessage
from clawft.domain.values import Ok
from clawft.errors import Busy, Conflict, NotFound, StorageFull
from clawft.messages.canvas import Draw, GetCanvas, Interact
from clawft.messages.sessions import SendMessage
from clawft.runtime import Actor, MailboxFull, Reply, on
from clawft.store.canvas import CanvasStore

log = logging.getLogger(__name__)

NOT_TAKEN = (NotFound, Conflict, Busy, StorageFull, MailboxFull, ActorDeadError)
"""What a session answers that has not accepted a message."""


class Canvas(Actor):
    """What is on the canvas, in memory and in the store. A change is published after its commit."""

    def __init__(self, *, store: CanvasStore) -> None:
        super().__init__()
        self._store = store
        self._board = Board()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        self._board = Board(await self._store.load())

    @on(GetCanvas)
    def elements(self, _: GetCanvas) -> tuple[CanvasElement, ...]:
        return self._board.elements

    @on(Draw)
    async def draw(self, ask: Draw) -> int:
        return await whole(self._draw(ask))

    async def _draw(self, ask: Draw) -> int:
        command = checked(ask.command)
        after = self._board.after(command, ask.session_key)
        await self._store.change(self._board.elements, after.elements)
        self._board = after
        publish(self, CanvasChanged(command))
        return len(after)

    @on(Interact)
    def interact(self, ask: Interact) -> Ok:
        """Answers as soon as the session was sent the message: its turn may take minutes."""
        id = ask.interaction.element_id
        element = self._board.get(id)
        if element is None:
            raise NotFound(f"nothing on the canvas has the id {id[:200]}")
        if not element.session_key:
            raise Conflict(f"no agent drew {id}, so nobody would be told")
        message = SendMessage(key=element.session_key, content=told(ask.interaction, element.element))
        self.ask("sessions", message).add_done_callback(lambda reply: self._say_if_lost(reply, message))
        return Ok()

    def _say_if_lost(self, reply: Reply[ChatMessage], message: SendMessage) -> None:
        """A session that did not take the message leaves a dead letter, which can be sent again."""
        try:
            reply.result()
        except NOT_TAKEN as error:
            log.warning("the session %s did not take an interaction: %s", message.key, error)
            self.system.dead_letters.add("sessions", message, str(error))
        except (Exception, CancelledError) as error:
            log.info("the turn that an interaction began in %s failed: %s", message.key, error)
