"""Actors: what they can do, and the references others have of them."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import pykka

from clawft.runtime.birth import birth
from clawft.runtime.errors import Unhandled
from clawft.runtime.mailbox import Mailbox
from clawft.runtime.messages import Ask, Collapsed, Tell
from clawft.runtime.promise import Reply
from clawft.runtime.ref import Flag, Ref
from clawft.runtime.supervision import Restart, Stop, Strategy
from clawft.runtime.timers import Timer

if TYPE_CHECKING:
    from clawft.runtime.system import System

R = TypeVar("R")
log = logging.getLogger(__name__)


class Actor(pykka.Actor):
    """An actor that answers the messages its ``@on`` methods name, or everything in ``on_receive``.

    A failed ask answers its asker, and the actor lives on. A failed tell, start or background task goes to
    the supervisor.
    """

    dispatcher: ClassVar[Any] = "loop"
    mailbox_limit: ClassVar[int] = 1000
    """Messages that may wait; 0: as many as memory holds."""
    concurrency: ClassVar[int] = 1
    """Coroutine handlers that may be under way at once, on the loop."""
    batch_max: ClassVar[int] = 1000
    on_batch: ClassVar[Callable[..., None] | None] = None
    """``def on_batch(self, envelopes)`` takes what waits all at once and settles the replies itself."""

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        Collapsed: lambda self, note: _raise(note.error)
    }
    controls: ClassVar[frozenset[type]] = frozenset()

    system: "System"
    parent: Ref | None
    actor_inbox: Mailbox  # type: ignore[assignment]  # Pykka's protocol, with our envelope in it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {method.handles: method for method in vars(cls).values() if hasattr(method, "handles")}
        cls.handlers = {**cls.handlers, **own}
        cls.controls = frozenset(
            kind for kind, method in cls.handlers.items() if getattr(method, "control", False)
        )

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        actor = super().__new__(cls)
        if birth.system is None:
            from clawft.runtime.system import default_system

            default_system().prepare(cls, args, kwargs)
        actor._inherit()
        return actor

    def __init__(self) -> None:
        """Nothing to do: who and where it is, it has been given before."""

    def _inherit(self) -> None:
        system, lineage, parent, reborn = birth.system, birth.lineage, birth.parent, birth.reborn
        birth.clear()
        assert system is not None
        assert lineage is not None
        self.system, self.lineage, self.parent = system, lineage, parent
        self._children: dict[str, Ref] | None = None
        self._owned: set[Timer | asyncio.Task[Any]] | None = None
        if reborn is not None:
            self.actor_inbox = reborn.actor_inbox
            self.actor_stopped, self._actor_ref = reborn.actor_stopped, reborn._actor_ref
            return
        self.actor_inbox = Mailbox(self.mailbox_limit, lineage.path)
        self.actor_inbox.actor = self
        self.actor_stopped = cast("threading.Event", Flag())
        self._actor_ref = Ref(self)

    # ------------------------------------------------------------------ who and where
    @property
    def name(self) -> str:
        return self.lineage.name

    @property
    def path(self) -> str:
        return self.lineage.path

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # Pykka keeps a string
        return self.ref.actor_urn

    @property
    def ref(self) -> Ref:
        return cast("Ref", self._actor_ref)

    def __str__(self) -> str:
        return f"{type(self).__name__} ({self.path})"

    # ------------------------------------------------------------------ talking to others
    def ask(self, target: Ref | str, message: Ask[R], *, timeout: float | None = None) -> Reply[R]:
        return self.system.ask(target, message, timeout=timeout)

    def tell(self, target: Ref | str, note: Tell) -> None:
        self.system.tell(target, note)

    def spawn(
        self, kind: "type[Actor]", name: str, *args: Any, supervision: Strategy | None = None, **kwargs: Any
    ) -> Ref:
        """Start a child. It stops when this actor does."""
        ref = self.system.start_under(self.ref, kind, name, args, kwargs, supervision or Restart())
        if self._children is None:
            self._children = {}
        self._children[name] = ref
        return ref

    @property
    def children(self) -> dict[str, Ref]:
        """Those that live, and those that have failed and can be restarted."""
        return self._children or {}

    def child_gone(self, child: Ref) -> None:
        """A child has stopped for good. Another one may bear its name by now."""
        if self.children.get(child.name) is child:
            del self.children[child.name]

    def pipe(
        self,
        reply: Reply[R],
        into: Callable[[R], Tell],
        failed: Callable[[BaseException], Tell] | None = None,
    ) -> None:
        """Have an answer delivered to this actor's own inbox, as a note."""

        def deliver(settled: Reply[R]) -> None:
            error = settled._error
            if error is None:
                self._note(into(settled.result()))
            elif failed is not None:
                self._note(failed(error))
            else:
                self._note(Collapsed(error))

        reply.add_done_callback(deliver)

    def later(self, seconds: float, note: Tell) -> Timer:
        """Deliver a note to this actor after a while, unless cancelled or stopped before."""
        return self._own_timer(seconds, note, again=False)

    def every(self, seconds: float, note: Tell) -> Timer:
        """Deliver a note to this actor again and again."""
        return self._own_timer(seconds, note, again=True)

    def _own_timer(self, seconds: float, note: Tell, *, again: bool) -> Timer:
        timer = Timer(self.system.port, seconds, lambda: self._note(note), again=again)
        self._own(timer)
        return timer

    def watch(self, ref: Ref) -> None:
        """Be told ``Terminated`` when that actor is gone for good; at once if it is."""
        self.system.watch(self.ref, ref)

    def unwatch(self, ref: Ref) -> None:
        self.system.unwatch(self.ref, ref)

    def blocking(self, fn: Callable[..., R], *args: Any) -> Reply[R]:
        """Run blocking code on the pool. To be awaited in a coroutine handler."""
        reply: Reply[R] = Reply()

        def job() -> None:
            if reply.done():
                return
            try:
                reply.settle(fn(*args), None)
            except BaseException as error:
                reply.settle(None, error)

        self.system.pool.execute(job)
        return reply

    def background(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run a coroutine beside the mailbox, on the loop's thread. Cancelled when the actor stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._own(task)
        task.add_done_callback(self._background_done)
        return task

    def _background_done(self, task: "asyncio.Task[Any]") -> None:
        if self._owned is not None:
            self._owned.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note(Collapsed(error))

    def _note(self, note: Tell) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            self.ref.tell(note)

    def _own(self, thing: "Timer | asyncio.Task[Any]") -> None:
        self._owned = {each for each in self._owned or () if not each.done()} | {thing}

    @property
    def busy(self) -> bool:
        """Whether background work is under way; a virtual actor is not retired meanwhile."""
        return any(isinstance(each, asyncio.Task) and not each.done() for each in self._owned or ())

    # ------------------------------------------------------------------ handling
    def _handle_receive(self, message: Any) -> Any:
        # Typed messages go straight to their handler: Pykka first looks for five kinds of its own.
        handler = self.handlers.get(type(message))
        return super()._handle_receive(message) if handler is None else handler(self, message)

    def on_receive(self, message: Any) -> Any:
        """What arrives when no ``@on`` method names it."""
        raise Unhandled(self.path, message)

    def batchable(self, message: Any) -> bool:
        return True

    def run_on_start(self) -> Any:
        return self.on_start()

    # ------------------------------------------------------------------ living and dying
    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref:
        """Pykka's: start it on the default system, stopped by its first failed tell."""
        from clawft.runtime.system import default_system

        system = default_system()
        return system.start_under(None, cls, system.fresh_name(cls), args, kwargs, Stop())

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise AssertionError("an actor is given its mailbox")

    @staticmethod
    def _create_future() -> Reply[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        box = self.actor_inbox
        box.dispatcher = self.system.dispatcher_for(self)
        box.dispatcher.execute(box.start)

    def release(self) -> None:
        """Stop the children and end what the actor had going."""
        for child in tuple(self.children.values()):  # one that stops at once is forgotten at once
            child.halt(f"{self.path} stopped")
        owned, self._owned = self._owned, None
        for thing in owned or ():
            self.system.port.call(lambda each: each.cancel(), thing)

    def _stop(self) -> None:
        box = self.actor_inbox
        box.closed, box.state = True, "stopped"
        self.release()
        super()._stop()
        self.system.gone(self, None)

    def _handle_failure(self, kind: Any, error: Any, trace: Any) -> None:
        box = self.actor_inbox
        box.closed = True
        if box.state != "failed":
            box.state = "stopped"
        self.release()
        super()._handle_failure(kind, error, trace)
        self.system.gone(self, error)

    def supervise(self, error: BaseException, *, starting: bool) -> bool:
        """A tell, the start or background work failed. True: go on; False: the mailbox is resumed later."""
        return self.system.supervisor.failed(self, error, starting=starting)


def _raise(error: BaseException) -> None:
    raise error
