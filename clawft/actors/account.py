"""An account at a provider of models: how many may ask at once, how often, and when nobody may."""

import copy
import itertools
import logging
import random
from collections import deque
from time import monotonic

from clawft.domain.accounts import CONCURRENCY, PATIENCE, AccountState
from clawft.domain.breakers import Breaker
from clawft.domain.config import ProviderConfig, wire_format
from clawft.domain.keys import DEFAULT_BASES, at_home, environment_name
from clawft.domain.limits import Bucket
from clawft.domain.values import UNSET, UnsetType
from clawft.drivers.models.remote import Reached, reach
from clawft.errors import ModelFailed
from clawft.messages.config import SecretOf
from clawft.messages.models import CallEnded, DescribeAccount, EnterAccount, Leave, Reconfigure
from clawft.runtime import Actor, Reply, Tell, on

log = logging.getLogger(__name__)

REST_AFTER_429 = 2.0
"""Seconds nobody asks after a provider said "too often" and not for how long."""
LONGEST_REST = 120.0
WAIT_FOR_REST = 60.0
"""Seconds a call may wait for a provider that rests; beyond that it is told at once, and may go elsewhere."""


_numbers = itertools.count(1)
"""Of all accounts and all their lives: a leave of an earlier one means nothing to a later one."""


class Look(Tell, frozen=True):
    """Let in whoever may ask by now."""


class Account(Actor):
    """One per provider, shared by all sessions. Gives leave to ask in the order of asking.

    A leave that nobody gives back is a call that never ends; turns have a time limit, so there are none.
    """

    mailbox_limit = 0
    """Whoever is turned away here would lose a turn that was accepted. Turns are bounded where they begin."""

    def __init__(self, *, provider: str, config: ProviderConfig) -> None:
        super().__init__()
        self._provider = provider
        self._config = config
        self._reached: Reached | None = None
        self._is_opening = False
        self._waiting: deque[Reply[Leave]] = deque()
        self._running: dict[int, Reached] = {}
        self._breaker = Breaker()
        self._rests_until = 0.0
        self._look_at = 0.0
        self._last_error = ""
        self._bucket = _bucket(config)

    def on_stop(self) -> None:
        failure = ModelFailed(f"the account at {self._provider} was closed", reason="closed", may_help=True)
        self._refuse_all(failure)

    # -- calls

    @on(EnterAccount)
    def enter(self, _: EnterAccount) -> Reply[Leave]:
        if (failure := self._shut()) is not None:
            raise failure
        reply: Reply[Leave] = Reply()
        self._waiting.append(reply)
        self._let_in()
        return reply

    @on(CallEnded)
    def ended(self, note: CallEnded) -> None:
        reached = self._running.pop(note.number, None)
        if reached is None:
            return  # of an earlier life
        self._last_error = note.detail or self._last_error
        self._judge(note, monotonic())
        self._let_go(reached)
        self._let_in()

    def _judge(self, note: CallEnded, now: float) -> None:
        if note.outcome == "failed":
            self._breaker.failed(now)
        elif note.outcome == "cut_off":
            self._breaker.gave_up(now)
        else:
            self._breaker.worked()
        if note.outcome == "rate_limited":
            wished = min(note.retry_after or REST_AFTER_429, LONGEST_REST)
            # A little later than asked for, and not all hosts at the same moment.
            self._rests_until = max(self._rests_until, now + wished * (1 + random.random() / 10))

    @on(Look)
    def look(self, _: Look) -> None:
        self._look_at = 0.0
        self._let_in()

    def _shut(self) -> ModelFailed | None:
        """Why nobody may even wait."""
        who, rest = self._provider, self._rests_until - monotonic()
        if not self._config.enabled:
            return ModelFailed(f"the provider {who} is switched off in the config", reason="disabled")
        if rest > WAIT_FOR_REST:
            words = f"{who} asked us to wait; {rest:.0f} s of that are left"
            return ModelFailed(words, reason="rate_limited", retry_after=rest)
        return None

    def _let_in(self) -> None:
        """Whoever waits longest goes first; those who gave up are gone."""
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif self._reached is None:
                self._open()
                return
            elif len(self._running) >= _most(self._config) or not self._may_ask_now():
                return
            elif (rest := self._breaker.shut(monotonic())) > 0:
                self._refuse_all(self._left_alone(rest))
            else:
                self._give(self._waiting.popleft(), self._reached)

    def _may_ask_now(self) -> bool:
        now = monotonic()
        wait = self._rests_until - now
        if wait <= 0 and self._bucket is not None:
            wait = self._bucket.take(now)
        if wait > 0 and not self._look_at:
            self._look_at = now + wait
            self.later(wait, Look())
        return wait <= 0

    def _give(self, reply: Reply[Leave], reached: Reached) -> None:
        number = next(_numbers)
        self._running[number] = reached
        if not reply.settle(Leave(number, self.path, reached), None):  # it gave up in between
            del self._running[number]
            self._breaker.gave_up(monotonic())

    def _left_alone(self, seconds: float) -> ModelFailed:
        """Waiting for a provider that fails each time would hold up what has somewhere else to go."""
        why = f": {self._last_error}" if self._last_error else ""
        return ModelFailed(
            f"{self._provider} has failed {self._breaker.failures} times in a row and is left alone for "
            f"{max(1.0, seconds):.0f} s{why}",
            reason="circuit_open",
            retry_after=seconds,
        )

    def _refuse_all(self, failure: ModelFailed) -> None:
        while self._waiting:
            self._waiting.popleft().settle(None, copy.copy(failure))

    # -- who is asked

    def _open(self) -> None:
        if not self._is_opening:
            self._is_opening = True
            self.background(self._opened())

    async def _opened(self) -> None:
        try:
            self._reached = await self._reach()
        except ModelFailed as failure:
            self._last_error = str(failure)
            self._refuse_all(failure)
        except Exception as error:
            log.exception("the account at %s cannot be opened", self._provider)
            words = f"the account at {self._provider} cannot be opened: {type(error).__name__}"
            self._refuse_all(ModelFailed(words))
        finally:
            self._is_opening = False
        self._let_in()

    async def _reach(self) -> Reached:
        config = self._config
        key = await self._key()
        if key is None and needs_key(self._provider, config):
            raise ModelFailed(
                f"there is no key for {self._provider}: set {environment_name(self._provider)}, "
                f"or run clawft secret set {self._provider}",
                reason="no_key",
            )
        patience = PATIENCE if isinstance(config.patience, UnsetType) else config.patience
        format, base = wire_format(self._provider, config.type), base_of(self._provider, config)
        return await self.blocking(reach, self._provider, format, base, key, patience)

    def _key(self) -> Reply[str | None]:
        return self.ask("config", SecretOf(self._provider, self._config.api_base))

    @on(Reconfigure)
    def reconfigure(self, note: Reconfigure) -> None:
        """What runs goes on as it began; what comes is asked by the new config and with the new key."""
        reached, self._reached = self._reached, None
        self._config, self._bucket = note.config, _bucket(note.config)
        self._breaker, self._rests_until, self._last_error = Breaker(), 0.0, ""
        if reached is not None:
            self._let_go(reached)
        self._let_in()

    def _let_go(self, reached: Reached) -> None:
        """Close the connections that nobody uses any more."""
        if reached is not self._reached and all(each is not reached for each in self._running.values()):
            self.background(reached.model.close())

    @on(DescribeAccount)
    async def describe(self, _: DescribeAccount) -> AccountState:
        config, now = self._config, monotonic()
        rest = max(self._rests_until - now, self._breaker.rest(now))
        key = await self._key()
        return AccountState(
            name=self._provider,
            type=wire_format(self._provider, config.type),
            api_base=base_of(self._provider, config),
            key="set" if key else "missing" if needs_key(self._provider, config) else "not_needed",
            state="disabled" if not config.enabled else "resting" if rest > 0 else "ready",
            running=len(self._running),
            waiting=sum(not reply.done() for reply in self._waiting),
            failures=self._breaker.failures,
            resting_seconds=round(rest, 1) if rest > 0 else UNSET,
            last_error=self._last_error or UNSET,
        )


def base_of(provider: str, config: ProviderConfig) -> str:
    """Where a provider is; "" where nobody says."""
    return config.api_base or DEFAULT_BASES.get(provider, "")


def needs_key(provider: str, config: ProviderConfig) -> bool:
    """A server whose address the config gives may do without a key; a provider at its own place does not."""
    return at_home(provider, config.api_base)


def _most(config: ProviderConfig) -> int:
    return CONCURRENCY if isinstance(config.concurrency, UnsetType) else config.concurrency


def _bucket(config: ProviderConfig) -> Bucket | None:
    """Calls a minute, spread over it: at most a second's worth at once."""
    if isinstance(config.requests_per_minute, UnsetType):
        return None
    rate = config.requests_per_minute / 60
    return Bucket(max(1.0, rate), rate)
