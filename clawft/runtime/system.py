"""The system: who there is, by name; how they are started, supervised, found and stopped."""

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from _thread import get_ident
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import msgspec
import pykka
from pykka import ActorRegistry

from clawft.runtime.actor import Actor
from clawft.runtime.birth import birth
from clawft.runtime.dead_letters import DeadLetters
from clawft.runtime.directory import Directory
from clawft.runtime.dispatchers import Dispatcher, LoopDispatcher, PinnedDispatcher, PoolDispatcher
from clawft.runtime.errors import NoSuchActor
from clawft.runtime.inspect import ActorStatus, status_of
from clawft.runtime.messages import Ask, Tell, Terminated
from clawft.runtime.port import LoopPort
from clawft.runtime.promise import Reply
from clawft.runtime.ref import Ref
from clawft.runtime.registry import quicken
from clawft.runtime.supervision import Lineage, Restart, Stop, Strategy
from clawft.runtime.supervisor import Supervisor
from clawft.runtime.timers import Timer

R = TypeVar("R")
log = logging.getLogger(__name__)

# Shared: a hundred thousand actors each with a strategy and an empty dict of their own are 15 MB.
_RESTART = Restart()
_NOTHING: dict[str, Any] = {}


class ActorEvent(msgspec.Struct, frozen=True):
    """Something in an actor's life."""

    kind: Literal["started", "stopped", "failed", "restarted", "dead_letter"]
    path: str
    detail: str
    time: datetime


quicken()


class System:
    """A tree of actors on one event loop, one pool, and a thread for each actor that wants its own."""

    def __init__(self, name: str = "clawft", pool_size: int = 4) -> None:
        self.name = name
        self.pool = PoolDispatcher(pool_size, f"{name}-pool")
        self.dead_letters = DeadLetters()
        self.dead_letters.listeners.append(
            lambda letter: self.announce("dead_letter", letter.path, letter.why)
        )
        self.on_event: list[Callable[[ActorEvent], object]] = []
        self._refs: dict[str, Ref] = {}
        self._directories: dict[str, Directory] = {}
        self._watchers: dict[Ref, set[Ref]] = {}
        self._pinned: list[PinnedDispatcher] = []
        self._port: LoopPort | None = None
        self._loop: LoopDispatcher | None = None
        self._own_loop: threading.Thread | None = None
        self._numbers = itertools.count(1)
        self._starting = threading.Lock()
        self.supervisor = Supervisor(self)
        self.closing = False

    # ------------------------------------------------------------------ threads
    def attach(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Make the loop that runs on this thread the one that loop actors live on."""
        self._adopt(LoopPort(loop or asyncio.get_running_loop(), get_ident()))

    def _adopt(self, port: LoopPort) -> None:
        self._port, self._loop = port, LoopDispatcher(port)

    @property
    def port(self) -> LoopPort:
        """The way onto the loop's thread; without ``attach``, a private loop is started."""
        if self._port is None:
            with self._starting:
                if self._port is None:
                    self._start_own_loop()
        assert self._port is not None
        return self._port

    def _start_own_loop(self) -> None:
        ready = threading.Event()

        def run() -> None:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            self._adopt(LoopPort(loop, get_ident()))
            loop.call_soon(ready.set)
            loop.run_forever()
            loop.close()

        self._own_loop = threading.Thread(target=run, name=f"{self.name}-loop", daemon=True)
        self._own_loop.start()
        ready.wait()

    def dispatcher_for(self, actor: Actor) -> Dispatcher:
        kind = actor.dispatcher
        if kind == "pool":
            return self.pool
        if kind == "pinned":
            pinned = PinnedDispatcher(f"{self.name}-{actor.path}")
            self._pinned.append(pinned)
            return pinned
        if kind == "loop":
            assert self.port is not None
            assert self._loop is not None
            return self._loop
        chosen: Dispatcher = kind
        return chosen

    # ------------------------------------------------------------------ starting
    def spawn(
        self, kind: type[Actor], name: str, *args: Any, supervision: Strategy | None = None, **kwargs: Any
    ) -> Ref:
        """Start an actor at the top of the tree.

        ``args`` and ``kwargs`` are its ``__init__``'s, now and at every restart.
        """
        return self.start_under(None, kind, name, args, kwargs, supervision or _RESTART)

    def start_under(
        self, parent: Ref | None, kind: type[Actor], name: str, args: Any, kwargs: Any, supervision: Strategy
    ) -> Ref:
        actor = self.create(parent, kind, name, args, kwargs, supervision)
        actor._start_actor_loop()
        return actor.ref

    def create(
        self, parent: Ref | None, kind: type[Actor], name: str, args: Any, kwargs: Any, supervision: Strategy
    ) -> Actor:
        """Make an actor that is registered but does not run yet."""
        path = f"{parent.path}/{name}" if parent is not None else name
        old = self._refs.get(path)
        if old is not None and (old.is_alive() or old.actor_inbox.state == "restarting"):
            raise ValueError(f"there is an actor called {path} already")
        lineage = Lineage(name, path, supervision, args, kwargs or _NOTHING, kind)
        birth.system, birth.lineage, birth.parent = self, lineage, parent
        try:
            actor = kind(*args, **kwargs)
        finally:
            birth.clear()
        self._enter(actor)
        return actor

    def prepare(self, kind: type[Actor], args: Any, kwargs: Any) -> None:
        """Somebody makes an actor by hand, as tests do: it gets a name and stays out of the tree."""
        name = self.fresh_name(kind)
        birth.system, birth.lineage = self, Lineage(name, name, Stop(), args, kwargs, kind)

    def fresh_name(self, kind: type[Actor]) -> str:
        return f"{kind.__name__}-{next(self._numbers)}"

    def create_virtual(self, directory: Directory, key: str) -> Actor:
        """Make the actor of a key; its directory starts it."""
        path = f"{directory.prefix}/{key}"
        lineage = Lineage(key, path, directory.supervision, (key,), _NOTHING, directory.make)
        birth.system, birth.lineage, birth.parent = self, lineage, self._refs.get(directory.prefix)
        try:
            actor = directory.make(key)
        finally:
            birth.clear()
        self._enter(actor)
        return actor

    def _enter(self, actor: Actor) -> None:
        self._refs[actor.path] = actor.ref
        ActorRegistry.register(actor.ref)
        self.announce("started", actor.path, type(actor).__name__)

    def virtual(
        self,
        kind: type[Actor],
        prefix: str,
        make: Callable[[str], Actor] | None = None,
        *,
        idle: float = 300.0,
        max_active: int = 100_000,
        supervision: Strategy | None = None,
    ) -> Directory:
        """Actors addressed by key.

        ``make(key)``, or ``kind(key)``, is called when a message comes for one that sleeps.
        """
        directory = Directory(
            self,
            kind,
            prefix,
            make or kind,
            idle=idle,
            max_active=max_active,
            supervision=supervision or Restart(),
        )
        self._directories[prefix] = directory
        return directory

    # ------------------------------------------------------------------ talking
    def find(self, path: str) -> Ref:
        """The actor at that path, alive or failed. Raises NoSuchActor."""
        try:
            return self._refs[path]
        except KeyError:
            raise NoSuchActor(path) from None

    def ask(self, target: Ref | str, message: Ask[R], *, timeout: float | None = None) -> Reply[R]:
        """Put a question in an actor's mailbox; the answer is to come.

        After ``timeout`` seconds the work is cancelled and the reply raises ``pykka.Timeout``. MailboxFull
        and NoSuchActor are raised at once.
        """
        if isinstance(target, str):
            prefix, _, key = target.partition("/")
            directory = self._directories.get(prefix)
            if key and directory is not None:
                return directory.ask(key, message)
            target = self.find(target)
        reply = target.ask(message, block=False)
        if timeout is not None and not reply.done():
            self._limit(reply, timeout)
        return reply

    def _limit(self, reply: Reply[Any], timeout: float) -> None:
        def give_up() -> None:
            reply.expire(pykka.Timeout(f"no answer within {timeout:g} seconds"))

        timer = Timer(self.port, timeout, give_up, again=False)
        reply.add_done_callback(lambda _: timer.cancel())

    def tell(self, target: Ref | str, note: Tell) -> None:
        """Put a note in an actor's mailbox. One that finds nobody is a dead letter; MailboxFull is raised."""
        path = target if isinstance(target, str) else target.path
        prefix, _, key = path.partition("/")
        directory = self._directories.get(prefix)
        if key and directory is not None:
            directory.tell(key, note)
            return
        try:
            (self.find(target) if isinstance(target, str) else target).tell(note)
        except (NoSuchActor, pykka.ActorDeadError) as error:
            self.dead_letters.add(path, note, str(error))

    def resend(self, id: int) -> None:
        """Tell a dead letter to the same address again. Raises KeyError when it is not kept."""
        letter = self.dead_letters.take(id)
        self.tell(letter.path, letter.message)

    # ------------------------------------------------------------------ looking
    def tree(self) -> tuple[ActorStatus, ...]:
        """Every actor, parents before children."""
        return tuple(status_of(self._refs[path]) for path in sorted(self._refs.copy()) if path in self._refs)

    def inspect(self, path: str) -> ActorStatus:
        return status_of(self.find(path))

    def announce(self, kind: Any, path: str, detail: str) -> None:
        if not self.on_event:
            return
        event = ActorEvent(kind, path, detail, datetime.now(UTC))
        for listener in self.on_event:
            try:
                listener(event)
            except Exception:
                log.exception("a listener to actor events failed")

    # ------------------------------------------------------------------ watching
    def watch(self, watcher: Ref, watched: Ref) -> None:
        self._watchers.setdefault(watched, set()).add(watcher)
        if not watched.is_alive():
            self._tell_watchers(watched, None)

    def unwatch(self, watcher: Ref, watched: Ref) -> None:
        self._watchers.get(watched, set()).discard(watcher)

    def _tell_watchers(self, ref: Ref, reason: BaseException | None) -> None:
        for watcher in self._watchers.pop(ref, ()):
            with contextlib.suppress(pykka.ActorDeadError):
                watcher.tell(Terminated(ref.path, reason))

    def gone(self, actor: Actor, error: BaseException | None) -> None:
        """An actor has stopped or failed; a failed one stays in the tree to be seen and restarted."""
        ref, box = actor.ref, actor.actor_inbox
        if box.state != "failed" and self._refs.get(ref.path) is ref:
            del self._refs[ref.path]
            if actor.parent is not None:
                actor.parent.actor_inbox.actor.child_gone(ref)
        self._tell_watchers(ref, error)
        self.announce(
            "failed" if error is not None else "stopped", ref.path, "" if error is None else repr(error)
        )

    def restart(self, path: str) -> None:
        """Begin an actor anew, running or failed: what it does is cancelled, what waits is kept.

        Raises NoSuchActor.
        """
        self.supervisor.restart(self.find(path))

    # ------------------------------------------------------------------ stopping
    def stop(self, timeout: float = 10.0) -> tuple[str, ...]:
        """Stop everything, the youngest first; what did not stop in time. Not on the loop's thread."""
        until = time.monotonic() + timeout
        self.closing = True
        late = []
        for ref in self._in_reverse():
            ref.halt("the system stops")
        for ref in self._in_reverse():
            if not ref.actor_stopped.wait(max(0.0, until - time.monotonic())):
                late.append(ref.path)
        self._end_threads()
        return tuple(late)

    async def shutdown(self, timeout: float = 10.0) -> tuple[str, ...]:
        """As ``stop``, from the loop's thread."""
        until = time.monotonic() + timeout
        self.closing = True
        late = []
        for ref in self._in_reverse():
            ref.halt("the system stops")
            if ref.is_alive() and not await ref.stopped(until - time.monotonic()):
                late.append(ref.path)
        self._end_threads()
        return tuple(late)

    def _in_reverse(self) -> list[Ref]:
        return [ref for ref in reversed(self._refs.copy().values()) if ref.is_alive()]

    def _end_threads(self) -> None:
        for directory in self._directories.values():
            directory.close()
        for pinned in self._pinned:
            pinned.shutdown()
        self.pool.shutdown()
        if self._own_loop is not None and self._port is not None:
            self._port.loop.call_soon_threadsafe(self._port.loop.stop)


_default: System | None = None
_default_lock = threading.Lock()


def default_system() -> System:
    """The system of actors that were started without one, by Pykka's ``Actor.start()``."""
    global _default
    with _default_lock:
        if _default is None:
            _default = System("default")
        return _default
