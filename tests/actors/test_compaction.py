"""Long conversations go on with a summary, rules answer without a model, the router uses what was learnt."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from clawft.domain.config import ConfigData, PipelineConfig
from clawft.domain.context import size
from clawft.domain.models import ModelEvent, ModelRequest
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolResult
from clawft.errors import ModelFailed
from clawft.messages.sessions import OpenSession
from clawft.messages.tools import CallTool
from clawft.store.outcomes import OutcomeStore
from clawft.store.usage import UsageStore
from tests.actors.talk import Scripted, Talk, calls, echo, says

SMALL = ConfigData(pipeline=PipelineConfig(context_tokens=4_000))
LONG = "word " * 400


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.config = SMALL
    talk.give_agent(config={"max_tokens": 500})
    talk.start()
    yield talk
    await talk.stop()


def is_order(request: ModelRequest) -> bool:
    return request.messages[-1].content.startswith("Summarise the conversation")


def sums_up(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
    if is_order(request):
        return says("They spoke of many words.")
    return says("Yes.")


async def chat(talk: Talk, rounds: int) -> str:
    key = await talk.session()
    for number in range(rounds):
        await talk.send(key, f"{number} {LONG}")
    return key


async def test_what_no_longer_fits_is_summed_up_and_the_call_is_counted(talk: Talk) -> None:
    talk.model.script = sums_up
    key = await talk.session()
    stories = []
    for number in range(5):
        await talk.send(key, f"{number} {LONG}")
        stories.append(await talk.story(key))
    orders = [request for request in talk.model.requests if is_order(request)]
    assert len(orders) >= 1
    assert "They spoke of many words." in talk.model.requests[-1].messages[0].content
    assert all(sum(map(size, request.messages)) <= 3_500 for request in talk.model.requests)
    usage = await UsageStore(talk.store).tokens()
    assert usage.total_requests == len(talk.model.requests) == 5 + len(orders)
    steps = [step for story in stories for step in story.steps if step.kind == "compaction"]
    assert [step.status for step in steps] == ["done"] * len(orders)
    assert all(json.loads(str(step.arguments))["after"] == 7 for step in steps)


async def test_a_summary_that_fails_or_gains_nothing_leaves_plain_truncation(talk: Talk) -> None:
    def fails(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if is_order(request):
            raise ModelFailed("no power")
        return says("Yes.")

    talk.model.script = fails
    key = await chat(talk, 6)
    orders = [request for request in talk.model.requests if is_order(request)]
    assert len(orders) == 1  # not again with every message
    shown = talk.model.requests[-1].messages
    assert "in short" not in shown[0].content
    assert [message.content[:1] for message in shown if message.role == "user"][-1] == "5"
    talk.model.script = lambda request: says(LONG * 3) if is_order(request) else says("Yes.")
    for number in range(3):
        await talk.send(key, f"{number} {LONG}")
        story = await talk.story(key)
        if any(step.kind == "compaction" for step in story.steps):
            break
    step = next(step for step in story.steps if step.kind == "compaction")
    assert (step.status, step.reason) == ("failed", "no_gain")
    assert "in short" not in talk.model.requests[-1].messages[0].content


async def test_summing_up_can_be_switched_off(talk: Talk) -> None:
    talk.config = ConfigData(pipeline=PipelineConfig(context_tokens=4_000, compaction=False))
    talk.model.script = sums_up
    await chat(talk, 5)
    assert not any(map(is_order, talk.model.requests))


async def test_a_message_that_never_fits_is_told_so(talk: Talk) -> None:
    key = await talk.session()
    answer = await talk.send(key, "x" * 20_000)
    assert answer.content == "[stopped here: the model cannot be shown any more, even shortened]"
    assert (await talk.turns(key))[0].reason == "context_full"
    assert talk.model.requests == []


async def test_results_never_overflow_what_the_model_is_shown(talk: Talk) -> None:
    async def floods(call: CallTool) -> ToolResult:
        return ToolResult("x" * 100_000)

    numbers = iter(range(100))
    talk.use_tool("look", floods)
    talk.model.script = lambda request: calls(
        *(ToolCallInfo(f"c{n}", "look", f'{{"n":{n}}}') for n in (next(numbers), next(numbers)))
    )
    key = await talk.session()
    await talk.send(key, "Hello")
    assert (await talk.turns(key))[0].reason in ("tool_limit", "context_full")
    assert max(sum(map(size, request.messages)) for request in talk.model.requests) <= 3_500


# -- tier 1


async def test_a_rule_answers_without_a_model_and_costs_nothing(talk: Talk) -> None:
    key = await talk.session()
    answer = await talk.send(key, "Sort these lines:\npear\napple")
    assert (answer.content, talk.model.requests) == ("apple\npear", [])
    story = await talk.story(key)
    assert (story.model, story.tier, story.state) == ("clawft/agent-booster", 1, "done")
    assert [(step.kind, step.name, step.status) for step in story.steps] == [
        ("transform", "sort_lines", "done")
    ]
    costs = await UsageStore(talk.store).costs()
    assert [(tier.request_count, tier.total_cost_usd) for tier in costs.by_tier] == [(1, 0), (0, 0), (0, 0)]
    assert [stage.split()[0] for stage in talk.stages()[::2]] == [
        "classifier",
        "router",
        "assembler",
        "transport",
        "scorer",
        "learner",
    ]


async def test_rules_can_be_switched_off_and_do_not_answer_for_a_chosen_model(talk: Talk) -> None:
    await talk.system.ask("sessions", OpenSession("fixed", "general-agent", "script/model"))
    await talk.send("fixed", "Count the words: a b")
    talk.config = ConfigData(pipeline=PipelineConfig(booster=False))
    await talk.send(await talk.session(), "Count the words: a b")
    assert len(talk.model.requests) == 2


# -- what was learnt


async def test_the_router_uses_what_was_learnt_until_it_is_switched_off(talk: Talk) -> None:
    fast, strong = Scripted(echo), Scripted(echo)
    talk.models.add("fast", fast)
    talk.models.add("strong", strong)
    both = PipelineConfig(fast_model="fast/one", strong_model="strong/one")
    talk.config = ConfigData(pipeline=both)
    outcomes = OutcomeStore(talk.store)
    for _ in range(10):
        await outcomes.record("chat", "fast/one", good=False, latency_ms=1)
    key = await talk.session()
    await talk.send(key, "good morning")
    assert (len(fast.requests), len(strong.requests)) == (0, 1)
    talk.config = ConfigData(
        pipeline=PipelineConfig(fast_model="fast/one", strong_model="strong/one", learner=False)
    )
    await talk.send(key, "good evening")
    assert (len(fast.requests), len(strong.requests)) == (1, 1)
