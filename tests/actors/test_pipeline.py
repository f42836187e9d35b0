"""The pipeline: six stages told of, tools called within limits, a request made of what the agent is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from clawft.actors.chunks import Chunks
from clawft.domain.config import ConfigData, PipelineConfig, ProviderConfig
from clawft.domain.costs import Usage
from clawft.domain.events import StageChanged
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta
from clawft.domain.pipeline import STAGES
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.tools import ToolResult
from clawft.domain.turns import MOST_CALLS
from clawft.domain.values import UNSET
from clawft.errors import Cancelled, ClawftError, ModelFailed
from clawft.messages.sessions import OpenSession, SendMessage, StopSession
from clawft.messages.tools import CallTool
from clawft.runtime import Reply
from clawft.store.outcomes import OutcomeStore
from tests.actors.talk import Gate, Scripted, Talk, calls, echo, says


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk(tmp_path / "data")
    talk.start()
    yield talk
    await talk.stop()


def tool_call(number: int = 1, name: str = "look", arguments: str = "") -> ToolCallInfo:
    return ToolCallInfo(f"c{number}", name, arguments or f'{{"n":{number}}}')


def call_once(talk: Talk, *wanted: ToolCallInfo, saying: str = "") -> None:
    """The model wants these tools, and then says what they gave."""

    def script(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        results = [message.content for message in request.messages if message.role == "tool"]
        return says(*results) if results else calls(*wanted, saying=saying)

    talk.model.script = script


async def looks(call: CallTool) -> ToolResult:
    return ToolResult(f"saw {call.arguments}")


# -- stages


async def test_each_stage_is_told_when_it_begins_and_ends_in_order(talk: Talk) -> None:
    await talk.send(await talk.session(), "Hello")
    assert talk.stages() == [f"{stage} {status}" for stage in STAGES for status in ("active", "completed")]
    changes = [event.change for event in talk.events if isinstance(event, StageChanged)]
    assert len({change.task_id for change in changes}) == 1
    assert changes[0].task_id.startswith("turn-")
    assert all((change.duration_ms is UNSET) == (change.status == "active") for change in changes)


async def test_a_failed_model_is_an_error_of_the_transport_and_is_learnt_from(talk: Talk) -> None:
    async def fails(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("")
        raise ModelFailed("out of order")

    talk.model.script = fails
    with pytest.raises(ModelFailed):
        await talk.send(await talk.session(), "Hello")
    assert talk.stages()[6:] == [
        "transport active",
        "transport error",
        "scorer active",
        "scorer completed",
        "learner active",
        "learner completed",
    ]
    (outcome,) = await OutcomeStore(talk.store).list()
    assert (outcome.model, outcome.tries, outcome.successes) == ("script/model", 1, 0)


async def test_a_stopped_turn_ends_in_the_stage_it_was_in_and_teaches_nothing(talk: Talk) -> None:
    gate, key = Gate(), await talk.session()
    talk.model.script = gate.script
    reply = talk.send(key, "Hello")
    await gate.reached.wait()
    await talk.system.ask("sessions", StopSession(key))
    with pytest.raises(Cancelled):
        await reply
    assert talk.stages()[-2:] == ["transport active", "transport error"]
    assert await OutcomeStore(talk.store).list() == ()


async def test_what_went_well_is_added_up_by_kind_and_model(talk: Talk) -> None:
    key = await talk.session()
    for text in ("good morning", "good evening", "where is it?"):
        await talk.send(key, text)
    kept = {
        outcome.kind: (outcome.tries, outcome.successes) for outcome in await OutcomeStore(talk.store).list()
    }
    assert kept == {"chat": (2, 2), "question": (1, 1)}


async def test_the_learner_can_be_switched_off(talk: Talk) -> None:
    talk.config = ConfigData(pipeline=PipelineConfig(learner=False))
    await talk.send(await talk.session(), "Hello")
    assert await OutcomeStore(talk.store).list() == ()
    assert talk.stages()[-1] == "learner completed"


async def test_a_learner_that_fails_costs_nobody_the_answer(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutcomeStore, "record", lambda *_, **__: Reply.failed(ClawftError("no")))
    assert (await talk.send(await talk.session(), "Hello")).content == "You said: Hello"
    assert talk.stages()[-1] == "learner error"


# -- routing


async def test_the_complexity_chooses_the_model_of_its_tier(talk: Talk) -> None:
    fast, strong = Scripted(echo), Scripted(echo)
    talk.models.add("fast", fast)
    talk.models.add("strong", strong)
    talk.config = ConfigData(pipeline=PipelineConfig(fast_model="fast/one", strong_model="strong/one"))
    key = await talk.session()
    await talk.send(key, "hi")
    hard = (
        "Compare and explain why; then design a plan:\n1. analyse\n2. implement\n3. review, it must not fail"
    )
    await talk.send(key, hard)
    assert (len(fast.requests), len(strong.requests), len(talk.model.requests)) == (1, 1, 0)
    newest, first = await talk.turns(key)
    assert (first.tier, first.model, newest.tier, newest.model) == (2, "fast/one", 3, "strong/one")


async def test_a_provider_that_is_switched_off_is_not_used(talk: Talk) -> None:
    talk.config = ConfigData(providers={"script": ProviderConfig(enabled=False)})
    with pytest.raises(ModelFailed, match="the provider script of script/model is switched off"):
        await talk.send(await talk.session(), "Hello")
    assert talk.model.requests == []


# -- what a model is given


async def test_a_model_is_told_who_it_is_what_it_can_and_what_was_said(talk: Talk) -> None:
    talk.use_tool("look", looks)
    talk.use_tool("hide", looks)
    talk.give_agent(
        skills=("code-review", "off", "missing"),
        tools=("look",),
        config={"max_tokens": 99, "temperature": 0.1, "other": "x"},
    )
    await talk.send(await talk.session(), "Hello")
    (request,) = talk.model.requests
    assert request.messages[0].content == "Be kind.\n\nYour skills:\n- code-review: Reviews code"
    assert [tool.name for tool in request.tools] == ["look"]
    assert (request.model, request.max_tokens, request.temperature) == ("model", 99, 0.1)


async def test_an_agent_whose_config_is_wrong_is_told_so(talk: Talk) -> None:
    talk.give_agent(config={"max_tokens": "many"})
    key = await talk.session()
    with pytest.raises(ClawftError, match=r"config of the agent general-agent is wrong.*max_tokens"):
        await talk.send(key, "Hello")
    assert (await talk.turns(key))[0].reason == "internal_error"


async def test_calls_of_earlier_turns_are_shown_with_their_results(talk: Talk) -> None:
    talk.use_tool("look", looks)
    call_once(talk, tool_call())
    key = await talk.session()
    await talk.send(key, "first")
    talk.model.script = echo
    await talk.send(key, "second")
    shown = [(message.role, message.content) for message in talk.model.requests[-1].messages[1:]]
    assert shown == [
        ("user", "first"),
        ("assistant", ""),
        ("tool", "saw {'n': 1}"),
        ("assistant", "saw {'n': 1}"),
        ("user", "second"),
    ]


# -- tools


async def test_a_tool_call_is_made_and_kept_with_its_result(talk: Talk) -> None:
    talk.use_tool("look", looks)
    call_once(talk, tool_call(1), tool_call(2), saying="Let me see.")
    answer = await talk.send(await talk.session(), "Hello")
    assert answer.content == "Let me see.\n\nsaw {'n': 1}saw {'n': 2}"
    assert answer.tool_calls == (
        ToolCallInfo("c1", "look", '{"n":1}', "saw {'n': 1}"),
        ToolCallInfo("c2", "look", '{"n":2}', "saw {'n': 2}"),
    )


async def test_a_tool_is_told_who_calls_it_and_how_deep(talk: Talk) -> None:
    heard: list[CallTool] = []

    async def listens(call: CallTool) -> ToolResult:
        heard.append(call)
        return ToolResult("heard")

    talk.use_tool("look", listens)
    call_once(talk, tool_call())
    await talk.system.ask("sessions", OpenSession("child", "general-agent", parent_key="sess-1", depth=2))
    await talk.system.ask("sessions", SendMessage("child", "Hello", request_id="req-7"))
    (turn,) = await talk.turns("child")
    assert heard == [CallTool("look", {"n": 1}, "child", "general-agent", "c1", 2, turn.id, "req-7")]
    assert turn.request_id == "req-7"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (tool_call(1, "hammer"), "this agent has no tool called hammer"),
        (tool_call(1, "look", "{not json"), "no JSON object"),
        (tool_call(1, "look", "[1]"), "no JSON object"),
        (tool_call(1, "broken"), "could not be called: a wire is loose"),
    ],
)
async def test_a_call_that_cannot_be_made_is_a_result_that_says_so(
    talk: Talk, call: ToolCallInfo, words: str
) -> None:
    async def broken(call: CallTool) -> ToolResult:
        raise ClawftError("a wire is loose")

    talk.use_tool("look", looks)
    talk.use_tool("broken", broken)
    call_once(talk, call)
    answer = await talk.send(await talk.session(), "Hello")
    assert words in answer.content
    assert isinstance(answer.tool_calls, tuple)
    assert words in str(answer.tool_calls[0].result)


async def test_a_turn_may_call_only_so_many_tools(talk: Talk) -> None:
    talk.use_tool("look", looks)
    numbers = iter(range(1000))
    talk.model.script = lambda _: calls(tool_call(next(numbers)))
    key = await talk.session()
    answer = await talk.send(key, "Hello")
    assert isinstance(answer.tool_calls, tuple)
    assert len(answer.tool_calls) == MOST_CALLS
    assert answer.content == "[stopped here: a turn may call 25 tools, and this one wanted more]"
    (turn,) = await talk.turns(key)
    assert (turn.state, turn.reason) == ("failed", "tool_limit")


async def test_the_same_call_a_third_time_is_a_loop(talk: Talk) -> None:
    talk.use_tool("look", looks)
    talk.model.script = lambda _: calls(tool_call())
    key = await talk.session()
    answer = await talk.send(key, "Hello")
    assert isinstance(answer.tool_calls, tuple)
    assert len(answer.tool_calls) == 2
    assert (await talk.turns(key))[0].reason == "repeated_call"
    assert "the same call was wanted 3 times" in answer.content


async def test_stopping_cancels_the_tool_and_its_call_still_has_a_result(talk: Talk) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hangs(call: CallTool) -> ToolResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ToolResult("never")

    talk.use_tool("look", hangs)
    call_once(talk, tool_call())
    key = await talk.session()
    reply = talk.send(key, "Hello")
    await begun.wait()
    began = asyncio.get_running_loop().time()
    await talk.system.ask("sessions", StopSession(key))
    assert asyncio.get_running_loop().time() - began < 0.25
    assert cancelled.is_set()
    with pytest.raises(Cancelled):
        await reply
    kept = [event.message for event in talk.events if hasattr(event, "message")]
    assert kept[-1] == ChatMessage(
        "assistant",
        "[stopped here]",
        kept[-1].timestamp,
        (ToolCallInfo("c1", "look", '{"n":1}', "(stopped before it ended)"),),
    )


async def test_an_answer_cut_at_the_models_limit_says_so(talk: Talk) -> None:
    async def cut(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("Once upon a")
        yield Finished("length", Usage())

    talk.model.script = cut
    answer = await talk.send(await talk.session(), "Hello")
    assert answer.content == "Once upon a\n\n[cut off here: an answer may have 4,096 tokens]"


# -- chunks


async def test_the_first_words_are_published_at_once_and_the_rest_together() -> None:
    published: list[str] = []
    chunks = Chunks(published.append, pause=0.02)
    for word in ("one ", "two ", "three"):
        chunks.add(word)
    assert published == ["one "]
    async with asyncio.timeout(5):
        while len(published) < 2:
            await asyncio.sleep(0.002)
    assert published == ["one ", "two three"]


async def test_flushing_publishes_what_is_left_and_nothing_follows() -> None:
    published: list[str] = []
    chunks = Chunks(published.append, pause=0.01)
    chunks.add("one ")
    chunks.add("two")
    chunks.flush()
    await asyncio.sleep(0.03)
    assert published == ["one ", "two"]


async def test_a_paragraph_begins_only_behind_another() -> None:
    chunks = Chunks(lambda _: None)
    chunks.paragraph()
    chunks.add("one")
    chunks.paragraph()
    chunks.add("")
    chunks.add("two")
    assert chunks.text == "one\n\ntwo"
