"""Mailboxes: what waits for an actor, and the taking of turns with it."""

import asyncio
import collections
import logging
from _thread import allocate_lock
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError
from pykka.messages import _ActorStop  # pykka's own stop message has no public name

from clawft.runtime.envelope import Envelope, cause, clock
from clawft.runtime.errors import ActorFailed, MailboxFull
from clawft.runtime.messages import Ask
from clawft.runtime.promise import Reply

if TYPE_CHECKING:
    from clawft.runtime.actor import Actor
    from clawft.runtime.dispatchers import Dispatcher
    from clawft.runtime.inspect import ActorState

log = logging.getLogger(__name__)

RESTART = "restart"
"""The reason of a halt after which the actor begins anew."""

SLOW = 0.1
"""Seconds a handler may hold the loop before it is named in the log."""


Outcome = tuple[Any, BaseException | None]
"""What a coroutine handler returned, or raised."""


class Mailbox:
    """Pykka's inbox, and whose turn it is. Outlives the actor it belongs to, through restarts.

    ``busy`` is taken by whoever runs the actor, a thread or a suspended coroutine: a compare-and-set, so
    that it is one at a time, never two.
    """

    __slots__ = (
        "actor",
        "busy",
        "closed",
        "current",
        "dispatcher",
        "failed",
        "failures",
        "halting",
        "handled",
        "home",
        "inflight",
        "limit",
        "path",
        "queue",
        "restarts",
        "since",
        "state",
        "tasks",
        "urgent",
        "used",
    )

    def __init__(self, limit: int, path: str) -> None:
        self.queue: collections.deque[Envelope] = collections.deque()
        self.urgent: collections.deque[Envelope] | None = None
        self.busy = allocate_lock()
        self.busy.acquire()  # until it is bound, messages wait
        self.limit, self.path = limit, path
        self.actor: Actor = None  # type: ignore[assignment]  # bound before anything runs
        self.dispatcher: Dispatcher = None  # type: ignore[assignment]
        self.home: Callable[[str, Envelope], None] | None = None
        self.closed = False
        self.halting: str | None = None
        self.state: ActorState = "starting"
        self.tasks: set[asyncio.Task[Outcome]] | None = None
        self.inflight = 0
        self.current: Any = None
        self.since = self.used = 0.0
        self.handled = self.failed = self.restarts = 0
        self.failures: list[float] | None = None

    # ------------------------------------------------------------------ putting in
    def put(self, envelope: Envelope) -> None:
        """Let a message wait its turn. Raises MailboxFull instead when there are too many."""
        if self.limit and len(self.queue) >= self.limit and not isinstance(envelope.message, _ActorStop):
            raise MailboxFull(self.path, len(self.queue))
        self.queue.append(envelope)
        if self.busy.acquire(False):
            self.dispatcher.execute(self.run)

    def put_urgent(self, envelope: Envelope) -> None:
        """Ahead of everything that waits, and while a coroutine handler does."""
        if self.urgent is None:
            self.urgent = collections.deque()
        self.urgent.append(envelope)
        self.nudge()

    def halt(self, reason: str) -> None:
        """Cancel what runs, bounce what waits, stop."""
        self.halting = reason
        self.nudge()

    def nudge(self) -> None:
        """See to the control lane as soon as the actor's state is nobody's in particular."""
        if self.busy.acquire(False):
            self.dispatcher.execute(self.run)
        elif self.dispatcher is not None:
            self.actor.system.port.post(Mailbox._attend, self)

    def get(self) -> Envelope:
        return self.queue.popleft()

    def empty(self) -> bool:
        return not self.queue

    def oldest(self) -> float | None:
        """When the message that waits longest was put in, by the monotonic clock."""
        try:
            return self.queue[0].since
        except IndexError:
            return None

    # ------------------------------------------------------------------ taking turns
    def start(self) -> None:
        """First turn of a fresh actor: ``on_start``, then what waits."""
        if self._call(self.actor.run_on_start, Envelope(None), starting=True):
            self.run()

    def run(self) -> None:
        """Handle what waits, up to a quantum, then let others run. Called by whoever holds ``busy``."""
        dispatcher = self.dispatcher
        left, until = dispatcher.quantum, clock() + dispatcher.slice
        while left:
            if (self.urgent or self.halting is not None) and not self._serve_control():
                return
            if self.actor.on_batch is not None and not self.closed and not self._run_batches():
                return
            if not self.queue:
                self._rest()
                return
            envelope = self.queue.popleft()
            if self.closed:
                self.bounce(envelope)
            elif not self._call(self.actor._handle_receive, envelope):
                return  # a coroutine, or a restart to come, has the actor now
            left = left - 1 if clock() < until else 0
        dispatcher.requeue(self.run)

    def _rest(self) -> None:
        if not self.closed:
            self.state = "idle"
        self.busy.release()
        # Whoever put something in while we held `busy` relied on us.
        if (self.queue or self.urgent or (self.halting is not None and not self.closed)) and (
            self.busy.acquire(False)
        ):
            self.dispatcher.execute(self.run)

    def _call(self, handler: Callable[..., Any], envelope: Envelope, *, starting: bool = False) -> bool:
        """Handle one message. True: go on; False: somebody else goes on with the mailbox later."""
        reply = envelope.reply_to
        if reply is not None and reply.done():
            self.actor.system.dead_letters.add(self.path, envelope.message, "its asker gave up")
            return True
        self.current, self.since, self.state = envelope, clock(), "running"
        token = None if envelope.cause == cause.get() else cause.set(envelope.cause)
        try:
            result = handler() if starting else handler(envelope.message)
        except BaseException as error:
            return self._fail(envelope, error, starting=starting)
        finally:
            if token is not None:
                cause.reset(token)
        if type(result) is CoroutineType:
            return self._suspend(result, envelope, starting)
        self._done(envelope, result)
        return True

    def _done(self, envelope: Envelope, result: Any) -> None:
        if clock() - self.since > SLOW and self.dispatcher.name == "loop":
            log.warning(
                "%s held the loop for %.0f ms with %r",
                self.path,
                (clock() - self.since) * 1000,
                envelope.message,
            )
        self.current = None
        self.handled += 1
        reply = envelope.reply_to
        if reply is None:
            return
        if isinstance(result, Reply) and isinstance(envelope.message, Ask):
            hand_on(result, reply)
        else:
            reply.settle(result, None)

    # ------------------------------------------------------------------ coroutine handlers
    def _suspend(self, coroutine: Coroutine[Any, Any, Any], envelope: Envelope, starting: bool) -> bool:
        self.inflight += 1
        more = self.inflight < self.actor.concurrency and not starting
        self.state = "waiting"
        self.actor.system.port.call(self._spawn, (coroutine, envelope, starting))
        return more

    def _spawn(self, job: tuple[Coroutine[Any, Any, Any], Envelope, bool]) -> None:
        coroutine, envelope, starting = job
        task = asyncio.get_running_loop().create_task(_outcome(coroutine, envelope.cause))
        if self.tasks is None:
            self.tasks = set()
        self.tasks.add(task)

        # In a callback, because a task that is cancelled before its first step runs none of its own code.
        def finished(task: asyncio.Task[Outcome]) -> None:
            coroutine.close()
            outcome = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
            self._finished(task, envelope, outcome, starting)

        task.add_done_callback(finished)
        reply = envelope.reply_to
        if reply is not None:
            port = self.actor.system.port
            reply.add_done_callback(lambda settled: port.call(_cancel, task) if settled.abandoned() else None)
        if self.urgent or self.halting is not None:
            self._attend()

    def _finished(
        self, task: asyncio.Task[Outcome], envelope: Envelope, outcome: Outcome, starting: bool
    ) -> None:
        result, error = outcome
        go_on = True
        self.since = clock()  # what it waited was not time it held the loop
        if error is not None:
            go_on = self._fail(envelope, error, starting=starting)
        else:
            self._done(envelope, result)
        assert self.tasks is not None
        self.tasks.discard(task)
        self.inflight -= 1
        suspended = starting or self.inflight == self.actor.concurrency - 1
        if suspended and go_on:
            self.dispatcher.execute(self.run)

    # ------------------------------------------------------------------ the control lane
    def _attend(self) -> None:
        """On the loop's thread: if a coroutine has the actor, it is between two of its steps now."""
        if self.tasks:
            self._serve_control()
        elif self.state == "restarting" and self.halting is not None:
            self.actor.system.supervisor.rebirth(self)

    def _serve_control(self) -> bool:
        """Serve the control lane; False: a restart has the actor now."""
        while self.urgent:
            envelope = self.urgent.popleft()
            if self.closed:
                self.bounce(envelope)
            else:
                self._control(envelope)
        if self.halting is None or self.closed:
            return True
        if self.tasks:
            for task in self.tasks:
                task.cancel()
            return True
        if self.halting == RESTART:
            self.halting = None
            self.actor.system.supervisor.rebirth(self)
            return False
        self.actor._stop()
        return True

    def _run_batches(self) -> bool:
        """Everything that waits, in order; runs of batchable messages go to ``on_batch`` together."""
        actor = self.actor
        while not self.closed:
            group, other = self._gather(actor)
            if group:
                self._batch(actor, group)
            if other is not None and not self._call(actor._handle_receive, other):
                return False
            if not group and other is None:
                return True
        return True

    def _gather(self, actor: "Actor") -> tuple[list[Envelope], Envelope | None]:
        group: list[Envelope] = []
        while len(group) < actor.batch_max:
            try:
                envelope = self.queue.popleft()
            except IndexError:
                break
            if not actor.batchable(envelope.message):
                return group, envelope
            group.append(envelope)
        return group, None

    def _batch(self, actor: "Actor", group: list[Envelope]) -> None:
        self.current, self.since, self.state = group[0], clock(), "running"
        try:
            assert actor.on_batch is not None
            actor.on_batch(group)
            self.handled += len(group)
        except Exception as error:
            self.failed += 1
            log.exception("%s failed at a batch of %d", self.path, len(group))
            for envelope in group:
                if envelope.reply_to is not None:
                    envelope.reply_to.settle(None, error)
        self.current = None

    def _control(self, envelope: Envelope) -> None:
        token = cause.set(envelope.cause)
        try:
            self._settle_control(envelope, self.actor._handle_receive(envelope.message))
        except BaseException as error:
            if envelope.reply_to is not None:
                envelope.reply_to.settle(None, error)
            else:
                log.exception("%s failed at %r", self.path, envelope.message)
        finally:
            cause.reset(token)

    def _settle_control(self, envelope: Envelope, result: Any) -> None:
        self.handled += 1
        if envelope.reply_to is None:
            return
        if isinstance(result, Reply):
            hand_on(result, envelope.reply_to)
        else:
            envelope.reply_to.settle(result, None)

    # ------------------------------------------------------------------ failing and ending
    def _fail(self, envelope: Envelope, error: BaseException, *, starting: bool) -> bool:
        self.current = None
        reply = envelope.reply_to
        if isinstance(error, asyncio.CancelledError):
            if reply is not None:
                reply.settle(None, error)
            return True
        self.failed += 1
        if reply is not None and isinstance(error, Exception):
            reply.settle(None, error)
            return True
        if reply is not None:
            reply.settle(None, ActorDeadError(f"{self.path} was stopped by {error!r}"))
        return self.actor.supervise(error, starting=starting)

    def bounce(self, envelope: Envelope) -> None:
        """Send a message on from a closed mailbox: to its new home, else to the dead letters."""
        if self.home is not None and not self.actor.system.closing:
            self.home(self.actor.name, envelope)
            return
        stop = isinstance(envelope.message, _ActorStop)
        if not stop:
            self.actor.system.dead_letters.add(self.path, envelope.message, self.state)
        if envelope.reply_to is not None:
            if stop:
                envelope.reply_to.settle(None, None)
            else:
                envelope.reply_to.settle(None, self.gone())

    def gone(self) -> ActorDeadError:
        if self.state == "failed":
            return ActorFailed(self.path)
        return ActorDeadError(f"{self.path} stopped before handling the message")


async def _outcome(coroutine: Coroutine[Any, Any, Any], causal_id: str | None) -> Outcome:
    cause.set(causal_id)
    try:
        return await coroutine, None
    except BaseException as error:  # SystemExit too: asyncio would let it end the whole loop
        return None, error


def hand_on(source: Reply[Any], target: Reply[Any]) -> None:
    """Let the asker have another's answer; and let the other know when the asker gives up."""
    source.add_done_callback(lambda reply: target.settle(reply._value, reply._error))
    target.add_done_callback(lambda reply: reply.abandoned() and source.cancel())


def _cancel(task: asyncio.Task[Outcome]) -> None:
    task.cancel()
