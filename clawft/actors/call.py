"""A call to a model: the leave for it, which is given back however it ends."""

import logging
from typing import cast

from clawft.actors.asks import Asks
from clawft.drivers.models.base import Model
from clawft.drivers.models.prices import Price
from clawft.drivers.models.registry import Found
from clawft.drivers.models.remote import Reached
from clawft.errors import ModelFailed
from clawft.messages.models import CallEnded, EnterProvider, Leave, Outcome
from clawft.runtime import NoSuchActor

log = logging.getLogger(__name__)

_REFUSED = frozenset(("auth", "quota", "refused", "not_found"))
"""The provider is well: it says no."""


class Call:
    """One call. ``entered`` may wait in the account's line; ``over`` must follow, also after a failure."""

    def __init__(self, found: Found, ask: Asks) -> None:
        self._found = found
        self._ask = ask
        self._leave: Leave | None = None
        self.price: Price = found.price
        self.was_made = False
        """Whether it came as far as the model."""

    async def entered(self) -> Model:
        """The model, once it may be asked. Raises ``ModelFailed``."""
        if self._found.model is not None:
            self.was_made = True
            return self._found.model
        try:
            self._leave = await self._ask("models", EnterProvider(self._found.provider))
        except NoSuchActor:
            name = self._found.provider
            raise ModelFailed(f"no provider of models is called {name!r}", reason="not_found") from None
        reached = cast("Reached", self._leave.reached)
        self.price, self.was_made = reached.price, True
        return reached.model

    def over(self, failure: ModelFailed | None, *, cut_off: bool) -> None:
        """Give the leave back, and say what came of it."""
        if self._leave is None:
            return
        outcome = _outcome(failure, cut_off)
        detail = str(failure) if failure else ""
        wished = (failure.retry_after if failure else None) or 0.0
        try:
            self._ask(self._leave.account, CallEnded(self._leave.number, outcome, wished, detail))
        except NoSuchActor:
            log.info("the account %s is closed already", self._leave.account)


def _outcome(failure: ModelFailed | None, cut_off: bool) -> Outcome:
    if failure is None:
        return "cut_off" if cut_off else "worked"
    if failure.reason == "rate_limited":
        return "rate_limited"
    return "refused" if failure.reason in _REFUSED else "failed"
