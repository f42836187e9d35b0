"""Publishing: telling of what has happened."""

from clawft.domain.events import Event
from clawft.messages.events import Publish
from clawft.runtime import Actor, MailboxFull


def publish(teller: Actor, event: Event) -> None:
    """Tell of an event. It has happened: if there is no room for it, it is a dead letter and no failure."""
    note = Publish(event)
    try:
        teller.tell("events", note)
    except MailboxFull as error:
        teller.system.dead_letters.add("events", note, str(error))
