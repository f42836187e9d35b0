"""The one who knows the tokens."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.tokens import Second, Tokens
from clawft.domain.tokens import SCOPES, Caller, Token
from clawft.errors import Busy, Conflict, Forbidden, NotFound, StorageFull, Unauthorized
from clawft.messages.tokens import (
    Authenticate,
    ListTokens,
    MintToken,
    RevokeOwnToken,
    RevokeToken,
    TokenEnded,
    VerifyToken,
)
from clawft.runtime import Reply, System
from clawft.store import Store
from clawft.store.tokens import TokenStore

SECRET = "clawftb_" + "s" * 43
LOCAL = Caller(via="local", peer="127.0.0.1")
NOON = datetime(2026, 2, 24, 12, tzinfo=UTC)


class Time:
    """The clock on the wall and the one of the limits, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed


class House:
    """A system, a store and the tokens in it; may be left and entered again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = Time()
        self.ended: list[str] = []
        self.system: System
        self.store: Store

    async def enter(self) -> None:
        self.system = System("test")
        self.system.attach()
        self.store = Store.open(self.system, self.folder)
        self.system.spawn(
            Tokens,
            "tokens",
            store=TokenStore(self.store),
            secret=SECRET,
            listeners=[self.heard],
            now=self.time.now,
            seconds=self.time.seconds,
        )

    def heard(self, note: TokenEnded) -> None:
        self.ended.append(note.id)

    async def leave(self) -> None:
        self.store.close()
        assert await self.system.shutdown(5) == ()

    async def mint(self, caller: Caller = LOCAL, **options: Any) -> str:
        return (await self.system.ask("tokens", MintToken(caller=caller, **options))).token

    async def who(self, bearer: str, peer: str = "127.0.0.1") -> Caller | None:
        return await self.system.ask("tokens", Authenticate(bearer=bearer, peer=peer))

    async def after(self, seconds: float) -> None:
        self.time.passed += seconds
        await self.system.ask("tokens", Second())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "data")
    await house.enter()
    yield house
    await house.leave()


async def test_a_minted_token_opens_the_door_with_all_scopes_for_a_day(house: House) -> None:
    bearer = await house.mint()
    caller = await house.who(bearer)
    assert caller is not None
    assert (caller.via, caller.scopes, caller.peer) == ("token", SCOPES, "127.0.0.1")
    verified = await house.system.ask("tokens", VerifyToken(caller=caller))
    assert verified.expires_at == NOON + timedelta(hours=24)
    [info] = await house.system.ask("tokens", ListTokens())
    assert info.id == caller.token_id
    assert bearer.startswith("clawft_")


@pytest.mark.parametrize("bearer", ["", "clawft_", "clawft_" + "a" * 43, "Bearer x", "clawft_\udcff"])
async def test_anything_else_opens_nothing(house: House, bearer: str) -> None:
    await house.mint()
    assert await house.who(bearer) is None


async def test_a_token_is_not_in_the_database(house: House) -> None:
    bearer = await house.mint(name="mine")
    await house.leave()
    files = b"".join(path.read_bytes() for path in house.folder.iterdir() if path.is_file())
    assert b"mine" in files
    assert bearer.encode() not in files
    assert bearer.removeprefix("clawft_").encode() not in files
    await house.enter()


async def test_tokens_survive_a_restart_and_revoked_ones_stay_revoked(house: House) -> None:
    kept, gone = await house.mint(), await house.mint()
    caller = await house.who(gone)
    assert caller is not None
    await house.system.ask("tokens", RevokeToken(id=caller.token_id))
    await house.leave()
    await house.enter()
    assert await house.who(kept)
    assert await house.who(gone) is None


async def test_an_actor_that_begins_anew_turns_nobody_away(house: House) -> None:
    bearer = await house.mint()
    house.system.restart("tokens")
    assert await house.who(bearer)


async def test_a_token_expires_to_the_second_and_its_end_is_told(house: House) -> None:
    bearer = await house.mint(ttl=10)
    await house.after(9.9)
    caller = await house.who(bearer)
    assert caller
    assert house.ended == []
    house.time.passed = 10.0
    assert await house.who(bearer) is None
    await house.after(0)
    assert house.ended == [caller.token_id]
    assert await house.system.ask("tokens", ListTokens()) == ()


async def test_a_revoked_token_opens_nothing_from_that_moment_and_its_end_is_told(house: House) -> None:
    bearer, other = await house.mint(), await house.mint()
    caller = await house.who(bearer)
    assert caller is not None
    await house.system.ask("tokens", RevokeToken(id=caller.token_id[:8]))
    assert await house.who(bearer) is None
    assert house.ended == [caller.token_id]
    assert await house.who(other)
    with pytest.raises(NotFound, match=caller.token_id):
        await house.system.ask("tokens", RevokeToken(id=caller.token_id))


async def test_a_prefix_that_names_two_tokens_ends_neither(house: House) -> None:
    ids: dict[str, str] = {}
    while True:
        bearer = await house.mint(Caller(via="secret"))
        caller = await house.who(bearer)
        assert caller is not None
        if caller.token_id[:1] in ids:
            break
        ids[caller.token_id[:1]] = bearer
    # The field's own pattern wants 8 digits; the rule is the same for one.
    with pytest.raises(Conflict, match="more of its digits"):
        await house.system.ask("tokens", RevokeToken(id=caller.token_id[:1]))
    assert await house.who(bearer)
    assert await house.who(ids[caller.token_id[:1]])


async def test_a_caller_ends_its_own_token_and_no_other(house: House) -> None:
    bearer, other = await house.mint(), await house.mint()
    caller = await house.who(bearer)
    assert caller is not None
    await house.system.ask("tokens", RevokeOwnToken(caller=caller))
    assert await house.who(bearer) is None
    assert await house.who(other)
    with pytest.raises(Unauthorized):
        await house.system.ask("tokens", VerifyToken(caller=caller))
    with pytest.raises(Conflict, match="without a token"):
        await house.system.ask("tokens", RevokeOwnToken(caller=LOCAL))


async def test_a_token_gives_no_more_than_its_maker_has(house: House) -> None:
    reader = await house.who(await house.mint(scopes=("read",)))
    admin = await house.who(await house.mint(scopes=("admin",)))
    assert reader
    assert admin
    assert reader.scopes == ("read",)
    with pytest.raises(Forbidden):
        await house.mint(reader)
    made = await house.who(await house.mint(admin, scopes=("chat",)))
    assert made
    assert made.scopes == ("chat",)
    with pytest.raises(Forbidden):
        await house.mint(Caller(via="nobody", peer="10.0.0.1"))


async def test_the_secret_is_known_and_mints(house: House) -> None:
    caller = await house.who(SECRET)
    assert caller is not None
    assert caller.via == "secret"
    await house.mint(caller)
    [info] = await house.system.ask("tokens", ListTokens())
    assert info.origin == "secret"


async def test_wrong_secrets_shut_the_door_to_their_peer_even_for_the_right_one(house: House) -> None:
    for _ in range(5):
        assert await house.who("clawftb_wrong") is None
    with pytest.raises(Busy) as refused:
        await house.who(SECRET)
    assert refused.value.retry_after == 60.0
    assert await house.who(SECRET, peer="::1")
    house.time.passed = 60.0
    assert await house.who(SECRET)


async def test_a_lock_out_leaves_tokens_alone(house: House) -> None:
    bearer = await house.mint()
    for _ in range(5):
        await house.who("clawftb_wrong")
    assert await house.who(bearer)


async def test_local_minting_has_a_burst_and_then_a_rate(house: House) -> None:
    await asyncio.gather(*(house.mint() for _ in range(120)))
    with pytest.raises(Busy) as refused:
        await house.mint()
    assert refused.value.retry_after == 1.0
    await house.mint(Caller(via="secret"))
    house.time.passed = 1.0
    await house.mint()


async def test_the_local_tokens_nobody_used_make_room_for_new_ones(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawft.actors.tokens.MAX_LOCAL", 3)
    by_secret = await house.mint(Caller(via="secret"))
    bearers = []
    for _ in range(3):
        house.time.passed += 1
        bearers.append(await house.mint())
    assert await house.who(bearers[0])
    house.time.passed += 1
    newest = await house.mint()
    assert await house.who(bearers[1]) is None
    assert len(house.ended) == 1
    await house.leave()
    await house.enter()
    alive = [bool(await house.who(bearer)) for bearer in (by_secret, *bearers, newest)]
    assert alive == [True, True, False, True, True]


async def test_when_a_token_was_last_used_is_written_once_a_minute(house: House) -> None:
    bearer = await house.mint()
    house.time.passed = 30
    await house.who(bearer)
    await house.after(0)
    [kept] = await TokenStore(house.store).live(NOON)
    assert kept.last_used is None
    await house.after(31)
    [kept] = await TokenStore(house.store).live(NOON)
    assert kept.last_used == NOON + timedelta(seconds=30)
    [info] = await house.system.ask("tokens", ListTokens())
    assert info.last_used == kept.last_used


async def test_expired_tokens_are_forgotten_in_the_store_too(house: House) -> None:
    await house.mint(ttl=5)
    await house.after(61)
    assert await TokenStore(house.store).purge(NOON + timedelta(days=1)) == 0


class Slow(TokenStore):
    """A store that takes its time with new tokens."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.done: Reply[None] = Reply()

    def add(self, token: Token, *, instead_of: Iterable[Token], now: datetime) -> Reply[None]:
        return self.done


async def test_nobody_waits_at_the_door_while_tokens_are_written_down(house: House) -> None:
    bearer = await house.mint()
    store = Slow(house.store)
    house.system.spawn(
        Tokens, "slow", store=store, secret=SECRET, now=house.time.now, seconds=house.time.seconds
    )
    mints = [house.system.ask("slow", MintToken(caller=LOCAL)) for _ in range(120)]
    async with asyncio.timeout(5):
        assert await house.system.ask("slow", Authenticate(bearer=bearer))
    assert not any(mint.done() for mint in mints)
    store.done.set(None)
    assert len({minted.token for minted in await asyncio.gather(*mints)}) == 120


def test_no_bearer_shows_in_a_log_or_a_dead_letter() -> None:
    assert "clawft_x" not in repr(Authenticate(bearer="clawft_x", peer="::1"))


class Full(TokenStore):
    """A store that may have no room left."""

    full = True

    def revoke(self, digest: str, now: datetime) -> Reply[None]:
        return Reply.failed(StorageFull("no room")) if self.full else super().revoke(digest, now)


async def test_a_token_whose_end_cannot_be_written_stays_ended_and_is_written_later(house: House) -> None:
    system, store = house.system, Full(house.store)
    system.spawn(Tokens, "full", store=store, secret=SECRET, now=house.time.now, seconds=house.time.seconds)
    bearer = (await system.ask("full", MintToken(caller=LOCAL))).token
    caller = await system.ask("full", Authenticate(bearer=bearer))
    assert caller is not None
    with pytest.raises(StorageFull):
        await system.ask("full", RevokeToken(id=caller.token_id))
    assert await system.ask("full", Authenticate(bearer=bearer)) is None
    store.full = False
    house.time.passed = 61
    await system.ask("full", Second())
    assert await store.live(house.time.now()) == ()
