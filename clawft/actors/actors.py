"""The one who shows the actors, and the messages that reached none of them."""

import sys

from clawft.domain.values import UNSET, Ok
from clawft.errors import Conflict, NotFound
from clawft.messages.actors import (
    DeadLetter,
    DeadLetterPage,
    ListActors,
    ListDeadLetters,
    ResendDeadLetter,
    RestartActor,
)
from clawft.runtime import Actor, ActorStatus, Letter, MailboxFull, NoSuchActor, Ref, on


class Actors(Actor):
    """Looks at the system from inside it. Looking asks no actor, so a stuck one is shown too."""

    @on(ListActors)
    def all(self, _: ListActors) -> tuple[ActorStatus, ...]:
        return self.system.tree()

    @on(RestartActor)
    def restart(self, message: RestartActor) -> Ok:
        if message.path == self.path:
            raise Conflict("the one who restarts others cannot restart itself")
        ref = self._find(message.path)
        if ref.actor_class.dispatcher == "pinned" and ref.is_alive():
            raise Conflict(
                f"{message.path} works, and owns what is open on its thread; restart the host instead"
            )
        try:
            self.system.restart(message.path)
        except RuntimeError as error:
            raise Conflict(str(error)) from error
        return Ok()

    def _find(self, path: str) -> Ref:
        try:
            return self.system.find(path)
        except NoSuchActor:
            raise NotFound(f"no actor has the path {path}") from None

    @on(ListDeadLetters)
    def dead_letters(self, message: ListDeadLetters) -> DeadLetterPage:
        """The newest first."""
        kept = self._kept()
        return DeadLetterPage(
            total=self.system.dead_letters.count,
            items=tuple(_shown(letter) for letter in kept[: message.limit]),
            oldest_kept=kept[-1].time if kept else UNSET,
        )

    @on(ResendDeadLetter)
    def resend(self, message: ResendDeadLetter) -> Ok:
        letter = next((letter for letter in self._kept() if letter.id == message.id), None)
        if letter is None:
            raise NotFound(f"no dead letter has the id {message.id}")
        try:
            self.system.resend(letter.id)
        except MailboxFull:
            # It has been taken out to be sent; it must not be lost for that.
            self.system.dead_letters.add(
                letter.path, letter.message, "its mailbox was full when it was sent again"
            )
            raise
        return Ok()

    def _kept(self) -> tuple[Letter, ...]:
        return self.system.dead_letters.recent(sys.maxsize)


def _shown(letter: Letter) -> DeadLetter:
    return DeadLetter(
        id=letter.id,
        time=letter.time,
        path=letter.path,
        message=letter.kind,
        summary=letter.summary,
        why=letter.why,
    )
