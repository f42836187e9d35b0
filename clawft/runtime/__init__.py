"""The actor runtime: Pykka's public API over one event loop, a small pool and pinned threads."""

from clawft.runtime.actor import Actor
from clawft.runtime.dead_letters import DeadLetters, Letter
from clawft.runtime.directory import Directory
from clawft.runtime.envelope import Envelope, cause
from clawft.runtime.errors import ActorFailed, MailboxFull, NoSuchActor, Unhandled
from clawft.runtime.inspect import ActorState, ActorStatus
from clawft.runtime.messages import Ask, ChildFailed, Tell, Terminated, on
from clawft.runtime.promise import BlockingCallOnLoop, Reply
from clawft.runtime.ref import Ref
from clawft.runtime.supervision import Escalate, Restart, Resume, Stop
from clawft.runtime.system import ActorEvent, System, default_system
from clawft.runtime.timers import Timer

__all__ = [
    "Actor",
    "ActorEvent",
    "ActorFailed",
    "ActorState",
    "ActorStatus",
    "Ask",
    "BlockingCallOnLoop",
    "ChildFailed",
    "DeadLetters",
    "Directory",
    "Envelope",
    "Escalate",
    "Letter",
    "MailboxFull",
    "NoSuchActor",
    "Ref",
    "Reply",
    "Restart",
    "Resume",
    "Stop",
    "System",
    "Tell",
    "Terminated",
    "Timer",
    "Unhandled",
    "cause",
    "default_system",
    "on",
]
