"""Tokens: who may call, and what they may do."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Forbidden

Scope = Literal["read", "chat", "operate", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "chat", "operate", "admin")
"""Each is a right of its own; ``admin`` has them all. Locally minted tokens get all four."""

DEFAULT_TTL = 24 * 3600
"""Seconds a token is good for when nobody says otherwise."""

TOKEN_PREFIX = "clawft_"  # noqa: S105 - every token begins so; it is no secret
SECRET_PREFIX = "clawftb_"  # noqa: S105 - likewise
"""Of the bootstrap secret, so that nobody takes one for the other."""

RANDOM_BYTES = 32
MAX_LOCAL = 1000
"""Locally minted tokens that may be alive at once."""

Origin = Literal["local", "secret", "token"]


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

    def __repr__(self) -> str:
        return "Minted(***)"


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
    origin: Origin
    created_at: datetime
    expires_at: datetime
    last_used: datetime | UnsetType = UNSET


class Token(Value, frozen=True):
    """A token as it is kept: its SHA-256, never its text."""

    digest: str
    label: str
    scopes: tuple[Scope, ...]
    origin: Origin
    created_at: datetime
    expires_at: datetime
    last_used: datetime | None = None

    @property
    def id(self) -> str:
        return self.digest[:12]

    def info(self) -> TokenInfo:
        return TokenInfo(
            id=self.id,
            label=self.label,
            scopes=self.scopes,
            origin=self.origin,
            created_at=self.created_at,
            expires_at=self.expires_at,
            last_used=self.last_used or UNSET,
        )


def bearer_text(prefix: str, random: bytes) -> str:
    """What its holder shows: the prefix, then the random bytes in characters that need no quoting."""
    return prefix + urlsafe_b64encode(random).rstrip(b"=").decode()


def digest_of(bearer: str) -> str:
    """The SHA-256 of a bearer text, in hex. Text that is no Unicode has one too, which nothing matches."""
    return sha256(bearer.encode("utf-8", "replace")).hexdigest()


def granted(caller: Caller, asked: Iterable[Scope] | UnsetType) -> tuple[Scope, ...]:
    """The scopes of a new token: those asked for, or all its maker has. ``Forbidden``: more than that."""
    most = _allowance(caller)
    if isinstance(asked, UnsetType):
        return most
    wanted = tuple(scope for scope in SCOPES if scope in set(asked))
    if beyond := [scope for scope in wanted if scope not in most]:
        raise Forbidden(f"a token cannot be given what its maker has not: {', '.join(beyond)}")
    return wanted


def _allowance(caller: Caller) -> tuple[Scope, ...]:
    if caller.may("admin"):
        return SCOPES
    if caller.via in ("local", "secret"):
        return caller.scopes or SCOPES
    raise Forbidden(
        "to make a token, call from this machine, or show the secret of the data folder or an admin token"
    )


def origin_of(caller: Caller) -> Origin:
    if caller.via == "secret":
        return "secret"
    return "token" if caller.via == "token" else "local"


def least_wanted(tokens: Iterable[Token], keep: int) -> tuple[Token, ...]:
    """The local tokens beyond ``keep``: those never used first, then those not used for longest."""
    local = [token for token in tokens if token.origin == "local"]
    local.sort(key=lambda token: (token.last_used is not None, token.last_used or token.created_at))
    return tuple(local[: max(0, len(local) - keep)])
