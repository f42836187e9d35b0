"""The supervisor: carries out what becomes of an actor that failed."""

import contextlib
import logging
import weakref
from typing import TYPE_CHECKING

import pykka
from pykka import ActorRegistry

from clawft.runtime.actor import Actor
from clawft.runtime.birth import birth
from clawft.runtime.envelope import clock
from clawft.runtime.errors import ActorFailed
from clawft.runtime.mailbox import RESTART, Mailbox
from clawft.runtime.messages import ChildFailed, Collapsed
from clawft.runtime.ref import Ref
from clawft.runtime.supervision import Escalate, Restart, Resume, Stop, Strategy
from clawft.runtime.timers import Timer

if TYPE_CHECKING:
    from clawft.runtime.system import System

log = logging.getLogger(__name__)


class Supervisor:
    """Of all the actors of one system, each by its own strategy."""

    def __init__(self, system: "System") -> None:
        self._system = system

    def failed(self, actor: Actor, error: BaseException, *, starting: bool) -> bool:
        """A tell, the start or background work failed. True: it goes on or is over; False: it comes back."""
        strategy = actor.lineage.supervision
        if not isinstance(error, Exception):
            strategy = Stop()  # SystemExit and its like end the one actor they were raised in
        if isinstance(strategy, Resume) and not starting:
            log.error("%s failed and goes on: %r", actor.path, error, exc_info=error)
            return True
        if isinstance(strategy, Restart):
            pause = self._pause(actor.actor_inbox, strategy)
            if pause is not None:
                self._restart_later(actor, error, pause)
                return False
        self._give_up(actor, error, strategy)
        return True

    def restart(self, ref: Ref) -> None:
        """Begin an actor anew on somebody's word."""
        box = ref.actor_inbox
        if box.state != "failed":
            box.halt(RESTART)
            return
        if not box.busy.acquire(False):
            raise RuntimeError(f"{ref.path} is still failing")
        box.closed, box.failures, box.halting = False, None, None
        ref.reopen()
        ActorRegistry.register(ref)
        self.rebirth(box)

    def rebirth(self, box: Mailbox) -> None:
        """Put a fresh instance behind the same reference. Called by whoever holds ``box.busy``."""
        box.state = "starting"
        box.dispatcher.execute(lambda: self._reborn(box))

    def _pause(self, box: Mailbox, strategy: Restart) -> float | None:
        if box.failures is None:
            box.failures = []
        return strategy.pause(box.failures, clock())

    def _restart_later(self, actor: Actor, error: BaseException, pause: float) -> None:
        box = actor.actor_inbox
        log.error("%s failed and restarts in %.2f s: %r", actor.path, pause, error, exc_info=error)
        box.state = "restarting"
        self._hook(actor, error)

        def wake() -> None:
            if box.state == "restarting":
                self.rebirth(box)

        Timer(self._system.port, pause, wake, again=False)
        if box.halting is not None:
            box.nudge()

    def _reborn(self, box: Mailbox) -> None:
        old = box.actor
        if box.halting is not None:
            old._stop()
            box.run()
            return
        old.release()
        try:
            actor = self._make_again(old)
        except Exception as error:
            if self.failed(old, error, starting=True):
                box.run()
            return
        box.restarts += 1
        box.actor = actor
        actor.ref._actor_weakref = weakref.ref(actor)
        self._system.announce("restarted", actor.path, "")
        box.start()

    def _make_again(self, old: Actor) -> Actor:
        birth.system, birth.lineage, birth.parent, birth.reborn = self._system, old.lineage, old.parent, old
        try:
            actor: Actor = old.lineage.make(*old.lineage.args, **old.lineage.kwargs)
            return actor
        finally:
            birth.clear()

    def _give_up(self, actor: Actor, error: BaseException, strategy: Strategy) -> None:
        """The end of an actor. Past its budget it stays in the tree as ``failed``, and its parent is told."""
        actor.actor_inbox.state = "stopped" if isinstance(strategy, Stop) else "failed"
        actor._handle_failure(type(error), error, error.__traceback__)
        self._hook(actor, error)
        if isinstance(strategy, Stop) or actor.parent is None:
            return
        with contextlib.suppress(pykka.ActorDeadError):
            if isinstance(strategy, Escalate):
                actor.parent.tell(Collapsed(ActorFailed(actor.path, error)))
            elif ChildFailed in actor.parent.actor_class.handlers:
                actor.parent.tell(ChildFailed(actor.path, error))

    def _hook(self, actor: Actor, error: BaseException) -> None:
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except Exception:
            log.exception("on_failure of %s failed", actor.path)
