"""Approval by voice: a dangerous call of a spoken turn is asked about aloud, and takes an exact phrase."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from clawft.actors.asks import Asks
from clawft.domain import spoken
from clawft.domain.approvals import Approval
from clawft.domain.events import Frame
from clawft.domain.sessions import VOICE_SESSION
from clawft.domain.tokens import Caller
from clawft.domain.voice import Language, VoiceState
from clawft.errors import ClawftError
from clawft.messages.approvals import Decide
from clawft.messages.events import Subscription

log = logging.getLogger(__name__)

TRIES = 3
PATIENCE = 12.0
"""Seconds for each."""
SHOWN = 120
"""Characters of the arguments that are read out."""


class Talk(Protocol):
    """What this needs of a conversation."""

    language: Language
    state: VoiceState

    async def hear(self, seconds: float, question: str = "") -> str: ...


class SpokenApproval:
    """Speech recognition is wrong in one word of six, so a yes is not enough: the phrase is new each time,
    and nobody says it by chance. It is bound to the one approval, as every decision is."""

    def __init__(
        self,
        talk: Talk,
        *,
        ask: Asks,
        background: Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"],
    ) -> None:
        self._talk, self._ask, self._background = talk, ask, background
        self._asking = asyncio.Lock()

    async def follow(self) -> None:
        await self._ask("events", Subscription("approval:update", self._heard))

    def _heard(self, frame: Frame) -> None:
        approval = _frames.decode(frame.body).data
        of_voice = approval.session_key.split("-", 1)[0] == VOICE_SESSION
        if approval.state == "open" and of_voice and self._talk.state != "idle":
            self._background(self._ask_aloud(approval))

    async def _ask_aloud(self, approval: Approval) -> None:
        async with self._asking:
            try:
                await self._decide(approval, await self._answer_to(approval))
            except ClawftError as error:
                log.info("the approval %s was not settled by voice: %s", approval.id, error)

    async def _answer_to(self, approval: Approval) -> bool | None:
        """None: nobody said anything that would settle it; it can still be settled elsewhere."""
        phrase = " ".join(random.SystemRandom().sample(spoken.CODE_WORDS, 2))
        question = (
            f"May I run {approval.tool} with {approval.arguments[:SHOWN]}? "
            f"To allow it, say: approve {phrase}. To refuse, say no."
        )
        for _ in range(TRIES):
            words = spoken.words_of(await self._talk.hear(PATIENCE, question))
            if words == f"approve {phrase}":
                return True
            if words in spoken.NO or spoken.is_stop(words, self._talk.language):
                return False
            if not words:
                return None
            question = f"I heard: {words}. Please say exactly: approve {phrase}. Or no."
        return None

    async def _decide(self, approval: Approval, allowed: bool | None) -> None:
        if allowed is None:
            return
        decision = "approve" if allowed else "deny"
        caller = Caller("internal", ("operate",), peer="voice")
        await self._ask("approvals", Decide(approval.id, decision, caller, note="said aloud"))  # type: ignore[arg-type]


class _Frame(msgspec.Struct, frozen=True):
    data: Approval


_frames = msgspec.json.Decoder(_Frame)
