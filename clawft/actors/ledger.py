"""The ledger: what each purse has spent, on the disk and since."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from clawft.actors.clock import Clock
from clawft.domain.budgets import DAILY, Budget, Purse, Spent, day_of
from clawft.domain.costs import Usage
from clawft.store.settings import SettingsStore
from clawft.store.usage import UsageStore

RESUMED = "budgets.resumed"
MOST_PURSES = 20_000
"""How many are kept in memory; the oldest are forgotten, and read again when they are needed."""


@dataclass
class Recent:
    """What a purse has spent from ``began`` on; all before that is on the disk."""

    began: datetime
    newest: datetime
    usage: Usage = field(default_factory=Usage)
    held_by: set[object] = field(default_factory=set)
    """Turns of which not all is on the disk yet, and reads that are under way."""

    def add(self, usage: Usage, at: datetime, since: datetime) -> None:
        self.usage = self.spent(since) + usage
        self.newest = at

    def spent(self, since: datetime) -> Usage:
        """Of a period that began at ``since``. It begins after all that was spent in the one before."""
        return self.usage if self.newest >= since else Usage()


class Ledger:
    """What each purse has spent: what the store knows, and the calls of turns that it does not know yet.

    Used on the loop's thread alone, by the guard and by the actor.
    """

    def __init__(self, usage: UsageStore, settings: SettingsStore, now: Clock) -> None:
        self._usage = usage
        self._settings = settings
        self._now = now
        self._recent: dict[Purse, Recent] = {}
        self._taken_from: dict[str, set[Purse]] = {}
        """By turns of which not all is on the disk yet."""
        self._purses: dict[Purse, Spent] = {}
        self._resumed: dict[str, datetime] | None = None
        self._refused: dict[Purse, set[Budget]] = {}

    # -- what was spent

    async def spent(self, purse: Purse) -> Spent:
        """What it has spent since it counts."""
        since = await self._since(purse)
        known = self._purses.get(purse)
        if known is not None and known.since == since:
            return known
        fresh = await self._count(purse, since)
        known = self._purses.get(purse)
        if known is not None and known.since == since:
            return known  # somebody else was quicker, and may have reserved something by now
        if known is not None:  # a new day: what is under way is under way still
            fresh.reserved_usd, fresh.reserved_tokens = known.reserved_usd, known.reserved_tokens
        self._purses[purse] = fresh
        while len(self._purses) > MOST_PURSES:
            self._forget(next(iter(self._purses)))
        return fresh

    async def _count(self, purse: Purse, since: datetime) -> Spent:
        fresh, reading = Spent(since), object()
        recent = self._hold(purse, reading, self._now())
        try:
            fresh.add(await self._usage.spent(purse.scope, purse.id, since, recent.began))
            fresh.add(recent.spent(since))
        finally:
            self._let_go(purse, reading)
        return fresh

    def _forget(self, purse: Purse) -> None:
        del self._purses[purse]
        self._refused.pop(purse, None)

    def known(self) -> tuple[Purse, ...]:
        return tuple(self._purses)

    # -- since when it counts

    async def _since(self, purse: Purse) -> datetime:
        if self._resumed is None:
            self._resumed = await self._settings.get(RESUMED, dict[str, datetime]) or {}
        return self._start(purse)

    def _start(self, purse: Purse) -> datetime:
        """Before the first look at the store: as if nothing was resumed, which was before the host began."""
        start = day_of(self._now()) if purse.scope in DAILY else datetime.min.replace(tzinfo=UTC)
        return max(start, (self._resumed or {}).get(f"{purse.scope}:{purse.id}", start))

    async def resume(self, purse: Purse) -> Spent:
        """Count anew from now on. Written before it holds."""
        await self._since(purse)
        assert self._resumed is not None
        now = self._now()
        kept = self._resumed | {f"{purse.scope}:{purse.id}": now}
        oldest = day_of(now)
        kept = {key: at for key, at in kept.items() if at >= oldest or key.startswith("session:")}
        await self._settings.put(RESUMED, kept)
        self._resumed = kept
        self._refused.pop(purse, None)
        return await self.spent(purse)

    # -- calls

    def add(self, purses: tuple[Purse, ...], usage: Usage, at: datetime, turn_id: str) -> None:
        """A call was made, for this turn."""
        for purse in purses:
            if purse.scope == "call":
                continue
            self._hold(purse, turn_id, at).add(usage, at, self._start(purse))
            self._taken_from.setdefault(turn_id, set()).add(purse)
            if (spent := self._purses.get(purse)) is not None:
                spent.add(usage)

    def turn_kept(self, turn_id: str) -> None:
        """All its calls are on the disk now: they need not be remembered."""
        for purse in self._taken_from.pop(turn_id, ()):
            self._let_go(purse, turn_id)

    def _hold(self, purse: Purse, holder: object, at: datetime) -> Recent:
        recent = self._recent.setdefault(purse, Recent(at, at))
        recent.held_by.add(holder)
        return recent

    def _let_go(self, purse: Purse, holder: object) -> None:
        recent = self._recent[purse]
        recent.held_by.discard(holder)
        if not recent.held_by:
            del self._recent[purse]

    # -- limits

    def refuse(self, budget: Budget, purse: Purse) -> bool:
        """A limit turns a call away. Whether it is the first."""
        first = not self.has_refused(budget, purse)
        self._refused.setdefault(purse, set()).add(budget)
        return first

    def has_refused(self, budget: Budget, purse: Purse) -> bool:
        return budget in self._refused.get(purse, ())
