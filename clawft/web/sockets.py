"""All clients that events are pushed to, and when they have to go."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Protocol

from clawft.domain.tokens import Caller
from clawft.errors import Busy
from clawft.messages.tokens import TokenEnded
from clawft.web.limits import Limits

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN = 1013
RESTARTED = 1012


class Client(Protocol):
    """A WebSocket, or a stream of server-sent events."""

    caller: Caller | None

    @property
    def waiting_bytes(self) -> int:
        """Bytes it has not read yet."""

    def is_stuck(self) -> bool:
        """Whether it takes too long to read what it is sent."""

    def cut(self, code: int, reason: str) -> None:
        """Close it, telling why."""


class Sockets:
    """Who is connected, by token. Called on the loop thread only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clients: set[Client] = set()
        self._by_token: defaultdict[str, set[Client]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._clients))

    def check_room(self, caller: Caller) -> None:
        """Raises ``Busy`` when this caller, or everyone together, has as many sockets as we give."""
        if len(self._clients) >= self._limits.sockets:
            raise Busy("too many sockets are open", retry_after=5)
        if caller.token_id and len(self._by_token.get(caller.token_id, ())) >= self._limits.sockets_per_token:
            raise Busy("too many sockets are open with this token", retry_after=5)

    def add(self, client: Client) -> None:
        self._clients.add(client)
        if client.caller is not None:
            self._by_token[client.caller.token_id].add(client)

    def remove(self, client: Client) -> None:
        self._clients.discard(client)
        token = client.caller.token_id if client.caller is not None else ""
        same = self._by_token.get(token, set())
        same.discard(client)
        if not same:
            self._by_token.pop(token, None)

    def token_ended(self, note: TokenEnded) -> None:
        """Close what was opened with a token that is no longer good."""
        for client in tuple(self._by_token.get(note.id, ())):
            client.cut(POLICY_VIOLATION, "the token has been revoked or has expired")

    def cut_the_stuck(self) -> None:
        """Cut off those who do not catch up; they come back with ``since``."""
        for client in self:
            if client.is_stuck():
                client.cut(TRY_AGAIN, "too slow: frames were left out; come back with since")

    def cut_all(self, code: int, reason: str) -> None:
        for client in self:
            client.cut(code, reason)
