"""What can be asked of the one who knows the tokens."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.tokens import Caller, Minted, Scope, TokenInfo, Verified
from clawft.domain.values import UNSET, Ok, UnsetType
from clawft.runtime import Ask, Tell

MAX_TTL = 90 * 24 * 3600


class MintToken(Ask[Minted], frozen=True):
    """Make a token with no more scopes than its maker. Needs local trust, the secret or an admin token."""

    caller: Caller
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)] | UnsetType = UNSET
    ttl: Annotated[int, Meta(ge=1, le=MAX_TTL)] | UnsetType = UNSET
    """Seconds."""
    name: Annotated[str, Meta(max_length=100)] = ""


class VerifyToken(Ask[Verified], frozen=True):
    """What the caller's own token is good for."""

    caller: Caller


class Authenticate(Ask[Caller | None], frozen=True):
    """Who holds this bearer text: a token's caller, the secret's, or None. Answered from memory."""

    bearer: str
    peer: str = ""

    def __repr__(self) -> str:
        # A message's repr ends up in logs and in the dead letters.
        return f"Authenticate(***, peer={self.peer!r})"


class ListTokens(Ask[tuple[TokenInfo, ...]], frozen=True):
    """Every token that has neither expired nor been revoked."""


class RevokeToken(Ask[Ok], frozen=True):
    """End a token by its id, a digest prefix of 8 digits or more. Its sockets close within a second."""

    id: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-f]+$")]


class RevokeOwnToken(Ask[Ok], frozen=True):
    """End the caller's own token."""

    caller: Caller


class TokenEnded(Tell, frozen=True):
    """A token was revoked or has expired."""

    id: str
