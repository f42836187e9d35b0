"""Births: what an actor is given before its ``__init__`` runs."""

import threading
from typing import TYPE_CHECKING

from clawft.runtime.supervision import Lineage

if TYPE_CHECKING:
    from clawft.runtime.actor import Actor
    from clawft.runtime.ref import Ref
    from clawft.runtime.system import System


class Birth(threading.local):
    """What the next actor made on this thread is born with. Pykka's ``start`` leaves no way to hand it in."""

    system: "System | None" = None
    lineage: Lineage | None = None
    parent: "Ref | None" = None
    reborn: "Actor | None" = None
    """The instance whose mailbox and reference it takes over."""

    def clear(self) -> None:
        self.system = self.lineage = self.parent = self.reborn = None


birth = Birth()
