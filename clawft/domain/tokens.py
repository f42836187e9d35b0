"""Tokens: who may call, and what they may do."""

from datetime import datetime
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

Scope = Literal["read", "chat", "operate", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "chat", "operate", "admin")
"""Each is a right of its own; ``admin`` has them all. Locally minted tokens get all four."""

DEFAULT_TTL = 24 * 3600
"""Seconds a token is good for when nobody says otherwise."""


class Caller(Value, frozen=True):
    """Whoever makes a request, as the server sees them. Never read from a request's body."""

    via: Literal["token", "secret", "local", "internal", "nobody"]
    scopes: tuple[Scope, ...] = ()
    token_id: str = ""
    """The digest prefix of the token used."""
    peer: str = ""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class Minted(Value, frozen=True):
    """The answer to POST /api/auth/token."""

    token: str


class Verified(Value, frozen=True):
    """A token that is good, and for what."""

    valid: bool
    scopes: tuple[Scope, ...]
    expires_at: datetime | UnsetType = UNSET


class TokenInfo(Value, frozen=True):
    """A stored token, without what would let anyone use it."""

    id: str
    """The first 12 hex digits of its SHA-256."""
    label: str
    scopes: tuple[Scope, ...]
    origin: Literal["local", "secret", "token"]
    created_at: datetime
    expires_at: datetime
    last_used: datetime | UnsetType = UNSET
