"""What has happened is told, or kept where it can be seen."""

import asyncio

from clawft.actors.publish import publish
from clawft.domain.events import AgentStatusChanged
from clawft.messages.events import Publish
from clawft.runtime import Actor, System, on


class Crowded(Actor):
    mailbox_limit = 1

    @on(Publish)
    async def hear(self, _: Publish) -> None:
        await asyncio.Event().wait()


class Teller(Actor):
    """Has something to tell."""


async def test_an_event_there_is_no_room_for_is_a_dead_letter() -> None:
    system = System()
    system.attach()
    system.spawn(Crowded, "events")
    teller = Teller()
    teller.system = system
    events = [AgentStatusChanged(str(number), "running") for number in range(3)]
    for event in events:
        publish(teller, event)
    assert [letter.message for letter in system.dead_letters.recent()] == [Publish(events[2])]
    await system.shutdown(1)
