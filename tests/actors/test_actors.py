"""The one who shows the actors, and the messages that reached none of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clawft.actors.actors import Actors
from clawft.errors import Conflict, NotFound
from clawft.messages.actors import DeadLetterPage, ListActors, ListDeadLetters, ResendDeadLetter, RestartActor
from clawft.runtime import Actor, MailboxFull, Restart, System, Tell, on
from tests.actors.recorder import Recorder


class Fail(Tell, frozen=True):
    """Break."""


class Note(Tell, frozen=True):
    text: str


class Stay(Tell, frozen=True):
    """Take your time."""


class Fragile(Actor):
    mailbox_limit = 1

    @on(Fail)
    def fail(self, _: Fail) -> None:
        raise RuntimeError("broken")

    @on(Stay)
    async def stay(self, _: Stay) -> None:
        await asyncio.Event().wait()


class Pinned(Actor):
    dispatcher = "pinned"


@pytest.fixture
async def system() -> AsyncIterator[System]:
    system = System("test")
    system.attach()
    system.spawn(Actors, "actors")
    yield system
    assert await system.shutdown(5) == ()


async def dead_letters(system: System, limit: int = 100) -> DeadLetterPage:
    return await system.ask("actors", ListDeadLetters(limit=limit))


async def test_every_actor_is_shown_even_one_that_waits_for_ever(system: System) -> None:
    system.spawn(Fragile, "fragile")
    system.tell("fragile", Stay())
    await asyncio.sleep(0)
    tree = {status.path: status for status in await system.ask("actors", ListActors())}
    assert set(tree) == {"actors", "fragile"}
    assert (tree["fragile"].state, tree["fragile"].current) == ("waiting", "Stay")


async def test_a_failed_actor_is_restarted_behind_its_path(system: System) -> None:
    system.spawn(Fragile, "fragile", supervision=Restart(limit=0))
    system.tell("fragile", Fail())
    assert system.inspect("fragile").state == "failed"
    await asyncio.sleep(0)  # its turn ends
    await system.ask("actors", RestartActor(path="fragile"))
    assert system.inspect("fragile").state == "idle"
    assert system.inspect("fragile").restarts == 1


async def test_what_must_not_be_restarted_is_refused(system: System) -> None:
    system.spawn(Pinned, "store")
    for path, error in (("actors", Conflict), ("store", Conflict), ("nobody", NotFound)):
        with pytest.raises(error):
            await system.ask("actors", RestartActor(path=path))
    assert system.inspect("store").restarts == 0


async def test_dead_letters_are_listed_newest_first_and_counted(system: System) -> None:
    assert await dead_letters(system) == DeadLetterPage(total=0, items=())
    for text in "abc":
        system.tell("nobody", Note(text=text))
    page = await dead_letters(system, limit=2)
    assert page.total == 3
    assert [letter.summary for letter in page.items] == ["Note(text='c')", "Note(text='b')"]
    assert (page.items[0].path, page.items[0].message) == ("nobody", "Note")
    assert page.oldest_kept
    assert page.oldest_kept <= page.items[-1].time


async def test_a_dead_letter_is_sent_again_once(system: System) -> None:
    system.tell("later", Note(text="hello"))
    [letter] = (await dead_letters(system)).items
    heard: list[Any] = []
    system.spawn(Recorder, "later", heard)
    await system.ask("actors", ResendDeadLetter(id=letter.id))
    assert heard == [Note(text="hello")]
    assert (await dead_letters(system)).items == ()
    with pytest.raises(NotFound, match=str(letter.id)):
        await system.ask("actors", ResendDeadLetter(id=letter.id))


async def test_a_dead_letter_whose_mailbox_is_full_is_not_lost(system: System) -> None:
    system.tell("fragile", Note(text="hello"))
    [letter] = (await dead_letters(system)).items
    system.spawn(Fragile, "fragile")
    system.tell("fragile", Stay())
    system.tell("fragile", Note(text="waits"))
    with pytest.raises(MailboxFull):
        await system.ask("actors", ResendDeadLetter(id=letter.id))
    [kept] = (await dead_letters(system)).items
    assert kept.summary == letter.summary
