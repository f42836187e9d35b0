"""Tokens at rest: their SHA-256, and never what anyone could show."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from clawft.domain.tokens import Origin, Token
from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import TokenRow


class TokenStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def live(self, now: datetime) -> Reply[tuple[Token, ...]]:
        """Every token that has neither been revoked nor expired."""
        return self._store.read(lambda: tuple(_token(row) for row in TokenRow.select().where(_live(now))))

    def add(self, token: Token, *, instead_of: Iterable[Token], now: datetime) -> Reply[None]:
        """Keep a new token and end the ones it takes the place of, both or neither."""
        return self._store.write(lambda: _add(token, tuple(instead_of), now))

    def revoke(self, digest: str, now: datetime) -> Reply[None]:
        return self._store.write(lambda: _revoke([digest], now))

    def touch(self, used: Mapping[str, datetime]) -> Reply[None]:
        """Remember when each of these digests was last used."""
        return self._store.write(lambda: _touch(dict(used)))

    def purge(self, now: datetime) -> Reply[int]:
        """Forget the tokens that have expired. How many there were."""
        return self._store.write(lambda: int(TokenRow.delete().where(TokenRow.expires_at <= now).execute()))


def _live(now: datetime) -> object:
    return TokenRow.revoked_at.is_null() & (TokenRow.expires_at > now)


def _add(token: Token, ended: tuple[Token, ...], now: datetime) -> None:
    TokenRow.insert(
        digest=token.digest,
        label=token.label,
        scopes=token.scopes,
        origin=token.origin,
        created_at=token.created_at,
        expires_at=token.expires_at,
    ).execute()
    if ended:
        _revoke([gone.digest for gone in ended], now)


def _revoke(digests: list[str], now: datetime) -> None:
    TokenRow.update(revoked_at=now).where(TokenRow.digest.in_(digests)).execute()


def _touch(used: dict[str, datetime]) -> None:
    for digest, at in used.items():
        TokenRow.update(last_used=at).where(TokenRow.digest == digest).execute()


def _token(row: TokenRow) -> Token:
    return Token(
        digest=row.digest,
        label=row.label,
        scopes=row.scopes,
        origin=cast(Origin, row.origin),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used=row.last_used,
    )
