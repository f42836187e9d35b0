"""The one who knows the tokens: makes them, knows them again, ends them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hmac import compare_digest

from msgspec.structs import replace

from clawft.actors.clock import Clock, utc_now
from clawft.actors.whole import whole
from clawft.domain.limits import Bucket, Guesses
from clawft.domain.tokens import (
    DEFAULT_TTL,
    MAX_LOCAL,
    RANDOM_BYTES,
    SCOPES,
    SECRET_PREFIX,
    TOKEN_PREFIX,
    Caller,
    Minted,
    Token,
    TokenInfo,
    Verified,
    bearer_text,
    digest_of,
    granted,
    least_wanted,
    origin_of,
)
from clawft.domain.values import Ok
from clawft.errors import Busy, Conflict, NotFound, Unauthorized
from clawft.messages.tokens import (
    Authenticate,
    ListTokens,
    MintToken,
    RevokeOwnToken,
    RevokeToken,
    TokenEnded,
    VerifyToken,
)
from clawft.runtime import Actor, Tell, on
from clawft.store.tokens import TokenStore

log = logging.getLogger(__name__)

Listener = Callable[[TokenEnded], None]
"""Called on the loop thread when a token has ended. Must not block and must not raise."""

LOCAL_BURST, LOCAL_RATE = 120, 1.0
"""Tokens a caller on this machine may make at once, and then a second."""

_WRITE_EVERY = 60.0
"""Seconds between two writes of when tokens were last used."""


class Second(Tell, frozen=True):
    """A second has passed."""


class _Live:
    """A token that opens the door. When it was used is beside it: each request changes that."""

    __slots__ = ("_token", "digest", "expires_at", "id", "scopes", "used", "written")

    def __init__(self, token: Token) -> None:
        self._token = token
        self.digest, self.id = token.digest, token.id
        self.scopes, self.expires_at = token.scopes, token.expires_at
        self.used = self.written = token.last_used
        """``written``: the time that is in the store."""

    @property
    def token(self) -> Token:
        return replace(self._token, last_used=self.used)


class Tokens(Actor):
    """All that a request needs to be let in is in memory, so that ``Authenticate`` waits for nothing.

    A token ends here first and in the store right after: should the store refuse, it stays ended, whoever
    asked is told, and the store is asked again until it has it.
    """

    concurrency = 256
    """More than are let to make a token at once: nobody waits at the door while tokens are written down."""

    def __init__(
        self,
        *,
        store: TokenStore,
        secret: str,
        listeners: Iterable[Listener] = (),
        now: Clock = utc_now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """``listeners`` may be a list that grows later. ``seconds`` is the clock of the limits."""
        super().__init__()
        self._store = store
        self._secret = digest_of(secret)
        self._listeners = listeners
        self._now = now
        self._seconds = seconds
        self._live: dict[str, _Live] = {}
        self._ended: dict[str, Token] = {}
        """What the store does not know yet to have ended."""
        self._local = Bucket(LOCAL_BURST, LOCAL_RATE)
        self._guesses = Guesses()
        self._written_at = seconds()
        self._writing = asyncio.Lock()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        for token in await self._store.live(self._now()):
            self._live[token.id] = _Live(token)
        self.every(1.0, Second())

    @on(Authenticate)
    def authenticate(self, message: Authenticate) -> Caller | None:
        digest = digest_of(message.bearer)
        if message.bearer.startswith(SECRET_PREFIX):
            return self._by_secret(digest, message.peer)
        live = self._live.get(digest[:12])
        now = self._now()
        if live is None or not compare_digest(live.digest, digest) or live.expires_at <= now:
            return None
        live.used = now
        return Caller("token", live.scopes, live.id, message.peer)

    def _by_secret(self, digest: str, peer: str) -> Caller | None:
        at = self._seconds()
        if pause := self._guesses.shut(peer, at):
            raise Busy("too many wrong secrets were shown", retry_after=pause)
        if compare_digest(self._secret, digest):
            return Caller(via="secret", scopes=SCOPES, peer=peer)
        self._guesses.wrong(peer, at)
        log.warning("%s showed a wrong secret", peer or "somebody")
        return None

    @on(MintToken)
    async def mint(self, message: MintToken) -> Minted:
        scopes = granted(message.caller, message.scopes)
        if message.caller.via == "local" and (pause := self._local.take(self._seconds())):
            raise Busy("too many tokens were asked for", retry_after=pause)
        text = bearer_text(TOKEN_PREFIX, secrets.token_bytes(RANDOM_BYTES))
        now = self._now()
        token = Token(
            digest=digest_of(text),
            label=message.name,
            scopes=scopes,
            origin=origin_of(message.caller),
            created_at=now,
            expires_at=now + timedelta(seconds=message.ttl or DEFAULT_TTL),
        )
        async with self._writing:
            await whole(self._add(token, now))
        return Minted(token=text)

    async def _add(self, token: Token, now: datetime) -> None:
        surplus = self._surplus() if token.origin == "local" else ()
        for gone in surplus:
            self._end(gone)
        await self._store.add(token, instead_of=surplus, now=now)
        self._live[token.id] = _Live(token)
        self._forget(surplus)

    def _surplus(self) -> tuple[Token, ...]:
        """The tokens that must end so that there is room for one more local one."""
        return least_wanted((live.token for live in self._live.values()), keep=MAX_LOCAL - 1)

    @on(VerifyToken)
    def verify(self, message: VerifyToken) -> Verified:
        caller = message.caller
        if caller.via == "nobody":
            raise Unauthorized("no token was shown")
        if caller.via != "token":
            return Verified(valid=True, scopes=caller.scopes)
        live = self._live.get(caller.token_id)
        if live is None:
            raise Unauthorized("this token has ended")
        return Verified(valid=True, scopes=live.scopes, expires_at=live.expires_at)

    @on(ListTokens)
    def all(self, _: ListTokens) -> tuple[TokenInfo, ...]:
        """Newest first."""
        tokens = sorted((live.token for live in self._live.values()), key=lambda token: token.created_at)
        return tuple(token.info() for token in reversed(tokens))

    @on(RevokeToken)
    async def revoke(self, message: RevokeToken) -> Ok:
        return await self._revoke(self._beginning(message.id))

    @on(RevokeOwnToken)
    async def revoke_own(self, message: RevokeOwnToken) -> Ok:
        if message.caller.via != "token":
            raise Conflict("the caller came without a token, so there is none to end")
        return await self._revoke(self._beginning(message.caller.token_id))

    def _beginning(self, prefix: str) -> Token:
        tokens = [live.token for live in self._live.values()] + list(self._ended.values())
        found = [token for token in tokens if token.digest.startswith(prefix)]
        if not found:
            raise NotFound(f"no token has the id {prefix}")
        if len(found) > 1:
            raise Conflict(f"the ids of {len(found)} tokens begin with {prefix}; give more of its digits")
        return found[0]

    async def _revoke(self, token: Token) -> Ok:
        self._end(token)
        async with self._writing:
            await whole(self._write_end(token))
        return Ok()

    async def _write_end(self, token: Token) -> None:
        await self._store.revoke(token.digest, self._now())
        self._forget([token])

    def _end(self, token: Token) -> None:
        """From now on it opens nothing, whatever the store says."""
        if self._live.pop(token.id, None) is not None:
            self._ended[token.id] = token
            self._announce(token)

    def _forget(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            self._ended.pop(token.id, None)

    def _announce(self, token: Token) -> None:
        for listener in self._listeners:
            listener(TokenEnded(id=token.id))

    @on(Second)
    async def each_second(self, _: Second) -> None:
        now, at = self._now(), self._seconds()
        for token in [live.token for live in self._live.values() if live.expires_at <= now]:
            del self._live[token.id]
            self._announce(token)
        self._guesses.forgive(at)
        if at - self._written_at >= _WRITE_EVERY:
            self._written_at = at
            await self._write_down(now)

    async def _write_down(self, now: datetime) -> None:
        try:
            async with self._writing:
                await whole(self._write_used())
                for token in tuple(self._ended.values()):
                    await whole(self._write_end(token))
                await self._store.purge(now)
        except Exception as error:
            # Nothing is lost that the next minute cannot write; restarting for it would help nobody.
            log.warning("the use of tokens could not be written down: %s", error)

    async def _write_used(self) -> None:
        changed = [live for live in self._live.values() if live.used != live.written]
        used = {live.digest: live.used for live in changed if live.used}
        if used:
            await self._store.touch(used)
        for live in changed:
            live.written = used[live.digest]
