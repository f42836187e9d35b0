"""The line of a session: its open turns in the order they are taken. The first one runs."""

from collections.abc import Iterator

from clawft.actors.turn import OpenTurn
from clawft.domain.turns import TurnEnd


class Line:
    """Belongs to one session, on the event loop's thread."""

    def __init__(self) -> None:
        self._turns: list[OpenTurn] = []

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[OpenTurn]:
        return iter(tuple(self._turns))

    def enter(self, turn: OpenTurn) -> None:
        self._turns.append(turn)
        self._call_next()

    def is_first(self, turn: OpenTurn) -> bool:
        return self._turns[0] is turn

    def leave(self, turn: OpenTurn) -> None:
        """It has ended, or is a part of another one now."""
        if turn in self._turns:
            self._turns.remove(turn)
        self._call_next()

    def jump(self, turn: OpenTurn) -> None:
        """Put it first of those that wait, behind others that jumped before it, and end the one that runs."""
        first = self._turns[0]
        if first is turn:
            return
        self._turns.remove(turn)
        at = 1
        while at < len(self._turns) and self._turns[at].stored and self._turns[at].mode == "interrupt":
            at += 1
        self._turns.insert(at, turn)
        if first.mode != "interrupt" or first.is_running:
            first.cancel("superseded")

    def cancel_all(self, why: TurnEnd) -> tuple[OpenTurn, ...]:
        turns = tuple(self._turns)
        for turn in turns:
            turn.cancel(why)
        return turns

    def sent_with(self, key: str, but: OpenTurn) -> OpenTurn | None:
        """The turn whose message came with this key."""
        found = (turn for turn in self._turns if turn is not but and turn.stored and turn.once is not None)
        return next((turn for turn in found if turn.once and turn.once.key == key), None)

    def behind(self, first: OpenTurn) -> tuple[OpenTurn, ...]:
        """Those that are kept and wait while ``first`` runs."""
        return tuple(turn for turn in self._turns if turn is not first and turn.stored and not turn.is_ending)

    def _call_next(self) -> None:
        if self._turns:
            self._turns[0].its_turn.set()
