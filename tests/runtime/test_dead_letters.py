"""Dead letters: every message that nobody handles can be seen, and sent again."""

import pytest

from clawft.runtime import ActorEvent, DeadLetters, System
from tests.runtime.actors import Echo, Note, Notes, Sample, Wait


async def test_what_waited_for_a_halted_actor_is_kept_with_who_what_and_why(system: System) -> None:
    ref = system.spawn(Sample, "a")
    ref.ask(Wait(60), block=False)
    ref.tell(Note("lost"))
    ref.halt("tested")
    await ref.stopped(5)
    (letter,) = system.dead_letters.recent()
    assert (letter.path, letter.kind, letter.message) == ("a", "Note", Note("lost"))
    assert letter.why
    assert "lost" in letter.summary


async def test_a_note_to_nobody_is_a_dead_letter_and_an_event(system: System) -> None:
    events: list[ActorEvent] = []
    system.on_event.append(events.append)
    system.tell("nobody", Note(1))
    assert system.dead_letters.count == 1
    assert [(event.kind, event.path) for event in events] == [("dead_letter", "nobody")]


async def test_a_letter_sent_again_arrives_once_and_is_forgotten(system: System) -> None:
    system.tell("late", Note("again"))
    (letter,) = system.dead_letters.recent()
    system.spawn(Sample, "late")
    system.resend(letter.id)
    assert await system.ask("late", Notes()) == ["again"]
    assert system.dead_letters.recent() == ()
    with pytest.raises(KeyError):
        system.resend(letter.id)


def test_only_the_last_are_kept_but_all_are_counted() -> None:
    letters = DeadLetters(keep=3)
    for number in range(10):
        letters.add("a", number, "tested")
    assert letters.count == 10
    assert [letter.message for letter in letters.recent()] == [9, 8, 7]
    assert [letter.message for letter in letters.recent(1)] == [9]


def test_a_long_or_unreadable_message_has_a_short_summary() -> None:
    class Unreadable:
        def __repr__(self) -> str:
            raise ValueError("no")

    letters = DeadLetters()
    letters.add("a", "x" * 10_000, "tested")
    letters.add("a", Unreadable(), "tested")
    assert [len(letter.summary) <= 200 for letter in letters.recent()] == [True, True]


async def test_a_listener_that_fails_does_not_hurt_who_lost_the_message(system: System) -> None:
    def fail(_: object) -> None:
        raise ValueError("a listener")

    system.dead_letters.listeners.append(fail)
    system.tell("nobody", Echo("x"))  # type: ignore[arg-type]  # an ask nobody waits for, on purpose
    assert system.dead_letters.count == 1
