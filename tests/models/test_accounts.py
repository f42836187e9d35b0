"""Accounts: how many may ask, how often, and what happens when a provider is in trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from clawft.actors.accounts import Accounts
from clawft.actors.call import Call
from clawft.domain.accounts import AccountState
from clawft.domain.breakers import FAILURES, FIRST_REST, Breaker
from clawft.domain.config import ConfigData, ProviderConfig
from clawft.domain.models import Finished, ModelMessage, ModelRequest
from clawft.domain.retries import LONGEST, LONGEST_WISH, TRIES, pause_before
from clawft.drivers.models.registry import Found
from clawft.errors import ModelFailed
from clawft.messages.config import ConfigChanged, GetConfig, SecretOf, WatchConfig
from clawft.messages.models import ListProviders
from clawft.runtime import Actor, System, on
from tests.models.provider import KEY, Provider, provider


@dataclass
class Keeper:
    """What the config actor of these tests says."""

    config: ConfigData = field(default_factory=ConfigData)
    key: str | None = KEY


class Config(Actor):
    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self._keeper = keeper

    @on(WatchConfig)
    def watch_config(self, _: WatchConfig) -> ConfigData:
        return self._keeper.config

    @on(GetConfig)
    def get(self, _: GetConfig) -> ConfigData:
        return self._keeper.config

    @on(SecretOf)
    def secret(self, ask: SecretOf) -> str | None:
        return self._keeper.key if ask.provider == "acme" else None


class House:
    def __init__(self, there: Provider, keeper: Keeper) -> None:
        self.there, self.keeper = there, keeper
        self.system = System("accounts")

    def configure(self, **more: object) -> None:
        base = f"{self.there.url}/v1"
        entry = ProviderConfig(api_base=base, **more)  # type: ignore[arg-type]
        self.keeper.config = ConfigData(providers={"acme": entry})
        self.system.tell("models", ConfigChanged(self.keeper.config))

    async def call(self, text: str = "hi", provider: str = "acme") -> None:
        call = Call(Found(None, provider, "m"), self.system.ask)
        failure: ModelFailed | None = None
        finished = False
        try:
            model = await call.entered()
            request = ModelRequest("m", (ModelMessage("user", text),))
            async for event in model.stream(request):
                finished = isinstance(event, Finished)
        except ModelFailed as error:
            failure = error
            raise
        finally:
            call.over(failure, cut_off=not finished)

    async def state(self) -> AccountState:
        states = await self.system.ask("models", ListProviders())
        return next(state for state in states if state.name == "acme")


@asynccontextmanager
async def house(**more: object) -> AsyncIterator[House]:
    async with provider() as there:
        made = House(there, Keeper())
        made.system.attach()
        made.system.spawn(Config, "config", made.keeper)
        made.system.spawn(Accounts, "models")
        made.configure(**more)
        try:
            yield made
        finally:
            assert await made.system.shutdown(5) == ()


async def test_no_more_than_so_many_ask_at_once() -> None:
    async with house(concurrency=3) as made:
        await asyncio.gather(*(made.call("slow:0.1") for _ in range(10)))
        assert made.there.most_open == 3
        assert (await made.state()).running == 0


async def test_who_gives_up_in_line_holds_up_nobody() -> None:
    async with house(concurrency=1) as made:
        first = asyncio.ensure_future(made.call("slow:0.3"))
        await asyncio.sleep(0.1)
        bored = asyncio.ensure_future(made.call("never asked"))
        last = asyncio.ensure_future(made.call("last"))
        await asyncio.sleep(0.05)
        bored.cancel()
        await asyncio.gather(first, last)
        assert [each["messages"][0]["content"] for each in made.there.asked] == ["slow:0.3", "last"]


async def test_a_call_that_is_cut_off_gives_its_place_back() -> None:
    async with house(concurrency=1) as made:
        cut = asyncio.ensure_future(made.call("fault:hang"))
        await asyncio.sleep(0.3)
        cut.cancel()
        await asyncio.wait_for(made.call(), 5)


async def test_so_many_a_minute_and_no_more() -> None:
    async with house(requests_per_minute=600) as made:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(made.call() for _ in range(14)))
        assert asyncio.get_running_loop().time() - began >= 0.35  # ten at once, then one in 0.1 s


async def test_all_wait_when_one_was_told_to() -> None:
    async with house() as made:
        made.there.retry_after = "0.5"
        with pytest.raises(ModelFailed, match="asked too often"):
            await made.call("fault:429")
        state = await made.state()
        assert (state.state, state.last_error) == ("resting", "acme is asked too often (429): because of 429")
        began = asyncio.get_running_loop().time()
        await made.call()
        assert asyncio.get_running_loop().time() - began >= 0.4


async def test_a_provider_that_fails_again_and_again_is_left_alone() -> None:
    async with house() as made:
        for _ in range(FAILURES):
            with pytest.raises(ModelFailed, match="in trouble"):
                await made.call("fault:500")
        with pytest.raises(ModelFailed, match=r"failed 5 times in a row and is left alone for 1\d s") as shut:
            await made.call()
        assert shut.value.reason == "circuit_open"
        assert len(made.there.asked) == FAILURES
        made.configure(concurrency=7)  # whoever mends the config need not wait
        await made.call()


async def test_a_refusal_says_nothing_against_the_provider() -> None:
    async with house() as made:
        for _ in range(FAILURES + 2):
            with pytest.raises(ModelFailed, match="refuses the request"):
                await made.call("fault:400")
        await made.call()


async def test_what_runs_goes_on_when_the_config_changes() -> None:
    async with house() as made:
        under_way = asyncio.ensure_future(made.call("slow:0.3"))
        await asyncio.sleep(0.15)
        made.keeper.key = "sk-another"
        made.configure(concurrency=7)
        await asyncio.gather(under_way, made.call())
        assert made.there.keys == [KEY, "sk-another"]


async def test_who_may_not_be_asked_is_told_why() -> None:
    async with house() as made:
        with pytest.raises(ModelFailed, match="no provider of models is called 'nobody'"):
            await made.call(provider="nobody")
        with pytest.raises(ModelFailed, match="set ANTHROPIC_API_KEY, or run clawft secret set anthropic"):
            await made.call(provider="anthropic")
        made.configure(enabled=False)
        with pytest.raises(ModelFailed, match="switched off"):
            await made.call()
        assert made.there.asked == []


async def test_a_server_of_ones_own_needs_no_key() -> None:
    async with house() as made:
        made.keeper.key = None
        made.configure()
        await made.call()
        assert (await made.state()).key == "not_needed"


def test_a_breaker_lets_one_try_after_its_rest() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.shut(0.0) == 0.0
        breaker.failed(0.0)
    assert breaker.shut(1.0) == FIRST_REST - 1
    assert breaker.shut(FIRST_REST) == 0.0
    assert breaker.shut(FIRST_REST) > 0  # one is trying
    breaker.failed(FIRST_REST + 1)
    assert breaker.shut(FIRST_REST + 2) == 2 * FIRST_REST - 1
    assert breaker.shut(3 * FIRST_REST + 1) == 0.0
    breaker.worked()
    assert (breaker.shut(0.0), breaker.failures) == (0.0, 0)


def test_pauses_grow_and_end() -> None:
    again = ModelFailed("in trouble", may_help=True)
    pauses = [pause_before(attempt, again, 0.0) for attempt in range(2, TRIES + 2)]
    assert pauses == [0.5, 1.0, None]
    assert pause_before(2, again, 0.999) == pytest.approx(0.25, abs=0.01)
    assert pause_before(2, ModelFailed("no"), 0.0) is None
    assert pause_before(2, ModelFailed("wait", may_help=True, retry_after=20.0), 0.5) == 20.0
    assert pause_before(2, ModelFailed("wait", may_help=True, retry_after=LONGEST_WISH + 1), 0.5) is None
    assert LONGEST >= 1.0
