"""The monitor: sums of what was recorded, and health from memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from clawft.actors.monitor import Monitor
from clawft.domain.health import Health
from clawft.messages.agents import ListAgents
from clawft.messages.monitor import GetCosts, GetHealth, GetTokenUsage, ListRuns
from clawft.runtime import Actor, Ask, Restart, Tell, on
from tests.actors.talk import SPENT, Talk, looks_like_nothing


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    talk.system.spawn(Monitor, "monitor", store=talk.store, began=monotonic() - 100)
    yield talk
    await talk.stop()


async def health(talk: Talk) -> Health:
    return await talk.system.ask("monitor", GetHealth())


async def test_a_fresh_host_has_spent_nothing_and_still_lists_every_tier(talk: Talk) -> None:
    usage = await talk.system.ask("monitor", GetTokenUsage())
    assert (usage.total_input, usage.total_requests, usage.by_provider) == (0, 0, ())
    costs = await talk.system.ask("monitor", GetCosts())
    assert costs.total_cost_usd == 0
    assert [(tier.tier, tier.request_count) for tier in costs.by_tier] == [(1, 0), (2, 0), (3, 0)]


async def test_totals_are_the_sums_of_what_turns_used(talk: Talk) -> None:
    keys = [await talk.session(), await talk.session("offline-agent")]
    for key in keys:
        await talk.send(key, "hello")
        await talk.send(key, "hello again")
    usage = await talk.system.ask("monitor", GetTokenUsage())
    assert usage.total_requests == 4
    assert usage.total_input == sum(each.input_tokens for each in usage.by_provider)
    assert usage.total_output == sum(each.output_tokens for each in usage.by_session)
    costs = await talk.system.ask("monitor", GetCosts())
    assert costs.total_cost_usd == pytest.approx(2 * SPENT.cost_usd)
    assert sum(tier.total_cost_usd for tier in costs.by_tier) == pytest.approx(costs.total_cost_usd)
    free = next(each for each in costs.by_provider if each.provider == "offline")
    assert free.total_cost_usd == 0


async def test_runs_are_listed_newest_first_and_by_session(talk: Talk) -> None:
    first, second = await talk.session(), await talk.session()
    for key in (first, second, first):
        await talk.send(key, "hello")
    runs = await talk.system.ask("monitor", ListRuns())
    assert [run.session_key for run in runs] == [first, second, first]
    assert all(run.status == "success" and run.id.startswith("run-") for run in runs)
    assert await talk.system.ask("monitor", ListRuns(limit=1)) == runs[:1]
    assert await talk.system.ask("monitor", ListRuns(session=second)) == runs[1:2]


async def test_health_counts_what_there_is_now(talk: Talk) -> None:
    talk.use_tool("look", looks_like_nothing)
    await talk.session()
    told = await health(talk)
    assert (told.status, told.reasons) == ("healthy", ())
    assert (told.agent_count, told.session_count, told.tool_count) == (2, 1, 1)
    assert told.uptime_seconds >= 100
    assert told.memory_usage_mb > 5
    assert told.database_bytes > 0


async def test_health_is_degraded_while_nothing_can_be_kept(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk.store, "check", lambda: "there is no room left on the disk")
    told = await health(talk)
    assert (told.status, told.reasons) == ("degraded", ("there is no room left on the disk",))
    monkeypatch.undo()
    assert (await health(talk)).status == "healthy"


async def test_health_says_what_is_wrong_with_the_config(talk: Talk) -> None:
    talk.config_trouble = "config.json cannot be read"
    assert (await health(talk)).reasons == ("config.json cannot be read",)
    talk.config_trouble = None
    assert (await health(talk)).status == "healthy"


class Fall(Tell, frozen=True):
    pass


class Fragile(Actor):
    @on(Fall)
    def fall(self, _: Fall) -> None:
        raise ValueError("down")


async def test_health_names_an_actor_that_is_down_until_it_is_up_again(talk: Talk) -> None:
    talk.system.spawn(Fragile, "fragile", supervision=Restart(limit=0))
    talk.system.tell("fragile", Fall())
    await talk.until(lambda: talk.system.inspect("fragile").state == "failed")
    assert (await health(talk)).reasons == ("the actor fragile has failed and is down",)
    await talk.until(lambda: restarted(talk))
    await talk.until(lambda: talk.system.inspect("fragile").state == "idle")
    assert (await health(talk)).status == "healthy"


def restarted(talk: Talk) -> bool:
    """False: it has not come to rest from failing yet."""
    try:
        talk.system.restart("fragile")
    except RuntimeError:
        return False
    return True


class Slow(Actor):
    """Takes its time with every answer, and counts the questions."""

    def __init__(self, asked: list[Any]) -> None:
        super().__init__()
        self._asked = asked

    @on(ListAgents)
    async def all(self, message: Ask[Any]) -> Any:
        self._asked.append(message)
        await asyncio.Event().wait()


async def test_health_waits_for_nobody_and_asks_the_slow_but_once(talk: Talk) -> None:
    asked: list[Any] = []
    agents = talk.system.find("agents")
    agents.halt()
    await talk.until(lambda: not agents.is_alive())
    talk.system.spawn(Slow, "agents", asked)
    began = monotonic()
    for _ in range(10):
        await health(talk)
    assert monotonic() - began < 1
    await talk.until(lambda: asked)
    await health(talk)
    assert len(asked) == 1
