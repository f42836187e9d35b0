"""Virtual actors: addressed by key, activated by the first message, passivated when idle."""

import collections
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from clawft.runtime.envelope import Envelope, clock
from clawft.runtime.errors import MailboxFull
from clawft.runtime.messages import Ask, Tell
from clawft.runtime.promise import Reply
from clawft.runtime.timers import Timer

if TYPE_CHECKING:
    from clawft.runtime.actor import Actor
    from clawft.runtime.ref import Ref
    from clawft.runtime.supervision import Strategy
    from clawft.runtime.system import System

R = TypeVar("R")


class Directory:
    """Virtual actors of one kind. A message never meets a dead one, and order per sender is kept.

    Look-up, activation and enqueueing happen under one lock. An actor is retired under the same lock, and
    only when nothing waits or runs.
    """

    def __init__(
        self,
        system: "System",
        kind: "type[Actor]",
        prefix: str,
        make: Callable[[str], "Actor"],
        *,
        idle: float,
        max_active: int,
        supervision: "Strategy",
    ) -> None:
        self.system, self.kind, self.prefix, self.make = system, kind, prefix, make
        self.idle, self.max_active, self.supervision = idle, max_active, supervision
        self._lock = threading.RLock()
        self._live: collections.OrderedDict[str, Ref] = collections.OrderedDict()
        """The least recently used first; each mailbox knows when that was."""
        self._timer: Timer | None = None
        self._home = self._put  # one for all: a bound method each is 64 bytes an actor

    def __len__(self) -> int:
        return len(self._live)

    def active(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._live)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._live

    def ask(self, key: str, message: Ask[R]) -> Reply[R]:
        reply: Reply[R] = Reply()
        self._put(key, Envelope(message, reply))
        return reply

    def tell(self, key: str, note: Tell) -> None:
        self._put(key, Envelope(note))

    def _put(self, key: str, envelope: Envelope) -> None:
        born: Actor | None = None
        with self._lock:
            ref = self._live.get(key)
            if ref is None or not ref.is_alive():
                born = self._activate(key)
                ref = self._live[key] = born.ref
            self._live.move_to_end(key)
            box = ref.actor_inbox
            box.used = clock()
            if type(envelope.message) in self.kind.controls and born is None:
                urgent = True
            elif box.limit and len(box.queue) >= box.limit:
                raise MailboxFull(box.path, len(box.queue))
            else:
                urgent = False
                box.queue.append(envelope)
        if born is not None:
            born._start_actor_loop()
        elif urgent:
            box.put_urgent(envelope)
        elif box.busy.acquire(False):
            box.dispatcher.execute(box.run)

    def _activate(self, key: str) -> "Actor":
        if self._timer is None:
            self._timer = Timer(self.system.port, max(self.idle / 4, 0.05), self.sweep, again=True)
        actor = self.system.create_virtual(self, key)
        actor.actor_inbox.home = self._home
        return actor

    def sweep(self, batch: int = 1000) -> int:
        """Retire what has been idle too long, or is beyond ``max_active``; how many that were."""
        now = clock()
        return sum(self._retire_oldest(now) for _ in range(min(batch, len(self._live))))

    def retire_idle(self) -> int:
        """Retire all that have nothing to do now, however short a time that is; how many that were."""
        return sum(self.retire(key) for key in self.active())

    def _retire_oldest(self, now: float) -> bool:
        with self._lock:
            key = next(iter(self._live), None)
            if key is None:
                return False
            ref = self._live[key]
            box = ref.actor_inbox
            if now - box.used < self.idle and len(self._live) <= self.max_active:
                return False
            if not self._take_idle(ref):
                self._live.move_to_end(key)
                box.used = now
                return False
            del self._live[key]
        self._end(ref)
        return True

    def _take_idle(self, ref: "Ref") -> bool:
        """Whether the actor is idle; then it is ours, and nobody can reach it any more."""
        box = ref.actor_inbox
        if not ref.is_alive():
            return True
        if box.queue or box.urgent or box.actor.busy:
            return False
        return box.busy.acquire(False)

    def _end(self, ref: "Ref") -> None:
        if not ref.is_alive():
            return
        box = ref.actor_inbox

        def stop() -> None:
            box.actor._stop()
            box.run()

        box.dispatcher.execute(stop)

    def retire(self, key: str) -> bool:
        """Retire one now, if it is idle; whether it is gone."""
        with self._lock:
            ref = self._live.get(key)
            if ref is None:
                return True
            if not self._take_idle(ref):
                return False
            del self._live[key]
        self._end(ref)
        return True

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
