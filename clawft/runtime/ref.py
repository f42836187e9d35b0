"""References: how others reach an actor, the same one through all its restarts."""

import asyncio
import threading
import weakref
from _thread import allocate_lock
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, overload

import pykka

from clawft.runtime.envelope import Envelope
from clawft.runtime.errors import ActorFailed
from clawft.runtime.mailbox import Mailbox
from clawft.runtime.messages import Ask
from clawft.runtime.promise import Reply

if TYPE_CHECKING:
    from clawft.runtime.actor import Actor

R = TypeVar("R")


class Flag:
    """``threading.Event``'s protocol in a twentieth of its size: an event is made once somebody waits."""

    __slots__ = ("_called", "_set")
    _lock: ClassVar[Any] = allocate_lock()

    def __init__(self) -> None:
        self._set = False
        self._called: list[Callable[[], object]] | None = None

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        with self._lock:
            self._set = True
            called, self._called = self._called, None
        for each in called or ():
            each()

    def clear(self) -> None:
        self._set = False

    def when_set(self, call: Callable[[], object]) -> None:
        """Call it when the flag is set; now, if it is."""
        with self._lock:
            if not self._set:
                self._called = [*(self._called or ()), call]
                return
        call()

    def wait(self, timeout: float | None = None) -> bool:
        event = threading.Event()
        self.when_set(event.set)
        return event.wait(timeout)


class Ref(pykka.ActorRef[Any]):
    """Pykka's reference, whose asks are answered by a ``Reply``."""

    actor_inbox: Mailbox  # type: ignore[assignment]  # Pykka's protocol, with our envelope in it
    actor_class: "type[Actor]"

    def __init__(self, actor: "Actor") -> None:
        # Without super().__init__(): it would copy an urn that hardly anyone asks for, 100 bytes an actor.
        self._actor_weakref = weakref.ref(actor)
        self.actor_class = type(actor)
        self.actor_inbox = actor.actor_inbox
        self.actor_stopped = actor.actor_stopped
        self.path = actor.path

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # Pykka keeps a string
        return f"urn:clawft:{id(self.actor_inbox):x}:{self.path}"

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({self.path})"

    def tell(self, message: Any) -> None:
        """Raises ActorDeadError, or ActorFailed when it is down, and MailboxFull."""
        if self.actor_stopped.is_set():
            raise self._gone()
        self._put(Envelope(message))

    @overload  # type: ignore[override]  # what is answered is known from the question
    def ask(self, message: Ask[R], *, block: Literal[False], timeout: float | None = None) -> Reply[R]: ...
    @overload
    def ask(self, message: Any, *, block: Literal[False], timeout: float | None = None) -> Reply[Any]: ...
    @overload
    def ask(self, message: Ask[R], *, block: Literal[True] = True, timeout: float | None = None) -> R: ...
    @overload
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        reply: Reply[Any] = Reply()
        if self.actor_stopped.is_set():
            reply.settle(None, self._gone())
        else:
            self._put(Envelope(message, reply))
        return reply.get(timeout=timeout) if block else reply

    def halt(self, reason: str = "halted") -> None:
        """Stop it now: what it runs is cancelled, what waits goes to the dead letters."""
        if not self.actor_stopped.is_set():
            self.actor_inbox.halt(reason)

    async def stopped(self, timeout: float) -> bool:
        """Wait until it has stopped, at most so many seconds; whether it has."""
        over: Reply[None] = Reply()
        cast("Flag", self.actor_stopped).when_set(lambda: over.settle(None, None))
        try:
            async with asyncio.timeout(max(0.0, timeout)):
                await over
        except TimeoutError:
            return False
        return True

    def reopen(self) -> None:
        """A failed actor is about to begin anew."""
        self.actor_stopped.clear()

    def _put(self, envelope: Envelope) -> None:
        if type(envelope.message) in self.actor_class.controls:
            self.actor_inbox.put_urgent(envelope)
        else:
            self.actor_inbox.put(envelope)

    def _gone(self) -> pykka.ActorDeadError:
        if self.actor_inbox.state == "failed":
            return ActorFailed(self.path)
        return pykka.ActorDeadError(f"{self} not found")
