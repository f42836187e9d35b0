"""The place of a running turn in its session: what its pipeline can have from there."""

import logging

from clawft.actors.clock import Clock
from clawft.actors.line import Line
from clawft.actors.turn import OpenTurn
from clawft.actors.whole import whole
from clawft.domain.sessions import Mode, SessionRecord
from clawft.errors import ClawftError
from clawft.runtime import MailboxFull
from clawft.store.turns import TurnStore

log = logging.getLogger(__name__)


class PlaceInLine:
    """Keeps what the turn does, and joins it with messages that are to be a part of it."""

    def __init__(
        self, turn: OpenTurn, line: Line, *, session: SessionRecord, turns: TurnStore, now: Clock
    ) -> None:
        self._turn = turn
        self._line = line
        self._session = session
        self._turns = turns
        self._now = now

    async def keep(self) -> None:
        await whole(self._keep())

    async def _keep(self) -> None:
        if self._turn.pipeline is None:
            return
        story = self._turn.pipeline.progress.story
        left = story.unkept()
        await self._turns.note(self._turn.record(self._session), left)
        story.kept(left)

    async def said_meanwhile(self) -> tuple[str, ...]:
        return await self.join("steer")

    async def join(self, mode: Mode) -> tuple[str, ...]:
        """What was said in the turns of this mode that wait; they are a part of this one from now on."""
        joined: list[str] = []
        for turn in self._line.behind(self._turn):
            if turn.mode == mode and await self._is_merged(turn):
                joined.append(turn.content)
        return tuple(joined)

    async def _is_merged(self, turn: OpenTurn) -> bool:
        """What cannot be merged now stays a turn of its own, and costs nobody this one."""
        try:
            await whole(self._merge(turn))
        except (ClawftError, MailboxFull) as error:
            log.warning("turn %s waits on, it could not be merged: %s", turn.id, error)
            return False
        return True

    async def _merge(self, turn: OpenTurn) -> None:
        turn.hold(True)
        try:
            await self._turns.merge(turn.id, self._turn.id, self._now())
        except BaseException:
            turn.hold(False)
            raise
        turn.hand_over(self._turn)
        turn.its_turn.set()
        self._line.leave(turn)

    def ends_after_step(self) -> bool:
        return self._turn.ends_after_step

    def waiting(self) -> frozenset[str]:
        return frozenset(turn.id for turn in self._line.behind(self._turn))
