"""Limits: how often something may be tried. Time is passed in, in seconds, and only grows."""

PEER_GUESSES = 5
"""Wrong secrets one peer may show within a minute."""
ALL_GUESSES = 30
"""Wrong secrets that may be shown within a minute, whoever shows them."""


class Bucket:
    """Lets ``burst`` through at once, and then ``rate`` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = self._left = burst
        self._rate = rate
        self._at: float | None = None

    def take(self, now: float) -> float:
        """0.0 and one is taken; or the seconds until there is one, and nothing is taken."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Door:
    """Shut for ``first`` seconds after ``allowed`` wrong tries in a minute, and twice as long each time."""

    def __init__(
        self, allowed: int, *, window: float = 60.0, first: float = 60.0, longest: float = 900.0
    ) -> None:
        self._allowed, self._window, self._first, self._longest = allowed, window, first, longest
        self._tries: list[float] = []
        self._shut_until = self._pause = 0.0
        self._last = float("-inf")

    def shut(self, now: float) -> float:
        """Seconds it stays shut; 0.0: open."""
        return max(0.0, self._shut_until - now)

    def wrong(self, now: float) -> None:
        if self.quiet(now):
            self._pause = 0.0
        self._last = now
        self._tries = [at for at in self._tries if now - at < self._window] + [now]
        if len(self._tries) >= self._allowed:
            self._tries = []
            self._pause = min(self._longest, self._pause * 2 or self._first)
            self._shut_until = now + self._pause

    def quiet(self, now: float) -> bool:
        """Nothing wrong was tried for so long that what came before is forgiven."""
        return now - max(self._last, self._shut_until) >= self._longest


class Guesses:
    """Wrong secrets, counted by peer and all together. No peer is exempt, this machine included.

    While a door is shut a right secret is refused too: the answer must tell a guesser nothing.
    """

    def __init__(self) -> None:
        self._peers: dict[str, Door] = {}
        self._all = Door(ALL_GUESSES)

    def shut(self, peer: str, now: float) -> float:
        """Seconds until this peer may try again; 0.0: now."""
        door = self._peers.get(peer)
        return max(self._all.shut(now), door.shut(now) if door else 0.0)

    def wrong(self, peer: str, now: float) -> None:
        self._peers.setdefault(peer, Door(PEER_GUESSES)).wrong(now)
        self._all.wrong(now)

    def forgive(self, now: float) -> None:
        """Forget the peers that have been quiet, so that their number stays bounded."""
        self._peers = {peer: door for peer, door in self._peers.items() if not door.quiet(now)}

    def __len__(self) -> int:
        return len(self._peers)
