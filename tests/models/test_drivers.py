"""The official clients against a provider on loopback: what comes out of both wire formats is the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from clawft.domain.config import WireFormat
from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolSpec
from clawft.drivers.models.prices import is_own, price_at
from clawft.drivers.models.remote import Reached, reach
from clawft.errors import ModelFailed
from tests.models.provider import KEY, Provider, provider

FORMATS: tuple[WireFormat, ...] = ("openai", "anthropic")
both = pytest.mark.parametrize("format", FORMATS)


@asynccontextmanager
async def reached(format: WireFormat, *, patience: float = 5.0) -> AsyncIterator[tuple[Provider, Reached]]:
    async with provider() as there:
        base = f"{there.url}/v1" if format == "openai" else there.url
        client = reach("acme", format, base, KEY, patience)
        try:
            yield there, client
        finally:
            await client.model.close()


async def heard(
    client: Reached, *messages: ModelMessage, model: str = "m", **more: object
) -> list[ModelEvent]:
    request = ModelRequest(model, messages, **more)  # type: ignore[arg-type]
    return [event async for event in client.model.stream(request)]


def said(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def user(text: str) -> ModelMessage:
    return ModelMessage("user", text)


@both
async def test_an_answer_comes_in_pieces_with_its_usage(format: WireFormat) -> None:
    async with reached(format) as (there, client):
        events = await heard(client, ModelMessage("system", "Be kind."), user("hello there"))
        assert said(events) == "you said hello there"
        assert sum(isinstance(event, TextDelta) for event in events) > 2
        last = events[-1]
        assert isinstance(last, Finished)
        assert (last.stop, last.usage.input_tokens, last.usage.output_tokens) == ("end", 1000, 100)
        assert not last.usage.estimated
        assert there.keys == [KEY]


@both
async def test_a_tool_is_wanted_called_and_its_result_taken(format: WireFormat) -> None:
    tool = ToolSpec("files.read", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})
    ask = user('call:files_read:{"path": "a.txt"}')
    async with reached(format) as (there, client):
        events = await heard(client, ask, tools=(tool,))
        [wanted] = [event for event in events if isinstance(event, ToolCalls)]
        [call] = wanted.calls
        assert (call.name, call.arguments) == ("files.read", '{"path": "a.txt"}')
        assert isinstance(events[-1], Finished)
        assert events[-1].stop == "tools"
        answered = (
            ModelMessage("assistant", "", wanted.calls),
            ModelMessage("tool", "the content", tool_call_id=call.id),
        )
        assert said(await heard(client, ask, *answered, tools=(tool,))).startswith("you said call:")
        offered = there.asked[0]["tools"][0]
        assert (offered.get("function") or offered)["name"] == "files_read"


@both
@pytest.mark.parametrize(
    ("fault", "reason", "may_help"),
    [
        ("401", "auth", False),
        ("400", "refused", False),
        ("404", "not_found", False),
        ("429", "rate_limited", True),
        ("quota", "quota", False),
        ("500", "unavailable", True),
        ("529", "unavailable", True),
        ("cut", "connection", True),
        ("silent-end", "cut", True),
    ],
)
async def test_every_failure_has_a_word_and_a_sentence(
    format: WireFormat, fault: str, reason: str, may_help: bool
) -> None:
    async with reached(format) as (_, client):
        with pytest.raises(ModelFailed) as failed:
            await heard(client, user(f"fault:{fault}"))
        assert (failed.value.reason, failed.value.may_help) == (reason, may_help)
        assert "acme" in str(failed.value)
        assert KEY not in str(failed.value)
        if fault == "429":
            assert failed.value.retry_after == 0.2


@both
async def test_a_stream_of_nonsense_is_told_as_such(format: WireFormat) -> None:
    async with reached(format) as (_, client):
        with pytest.raises(ModelFailed) as failed:
            await heard(client, user("fault:malformed"))
        assert failed.value.reason in ("malformed", "cut")


@both
@pytest.mark.parametrize("fault", ["hang", "stall"])
async def test_silence_has_an_end(format: WireFormat, fault: str) -> None:
    async with reached(format, patience=0.3) as (_, client):
        with pytest.raises(ModelFailed, match=r"acme said nothing for 0\.3 seconds|did not answer in time"):
            await heard(client, user(f"fault:{fault}"))


async def test_a_provider_that_is_overloaded_in_mid_stream_says_so() -> None:
    async with reached("anthropic") as (_, client):
        with pytest.raises(ModelFailed) as failed:
            await heard(client, user("fault:overloaded"))
        assert (failed.value.reason, failed.value.may_help) == ("unavailable", True)


@both
async def test_a_model_that_takes_no_temperature_is_asked_without(format: WireFormat) -> None:
    async with reached(format) as (there, client):
        for _ in range(2):
            assert said(await heard(client, user("hi"), model="stubborn")) == "you said hi"
        assert ["temperature" in each for each in there.asked] == [True, False, False]


@both
async def test_an_answer_that_is_too_long_ends_where_it_must(format: WireFormat) -> None:
    async with reached(format) as (_, client):
        events = await heard(client, user("fault:length"))
        assert isinstance(events[-1], Finished)
        assert events[-1].stop == "length"


async def test_a_conversation_is_told_to_anthropic_by_turns() -> None:
    call = ToolCallInfo("t-1", "a.b", "{}")
    async with reached("anthropic") as (there, client):
        await heard(
            client,
            ModelMessage("assistant", "earlier"),
            ModelMessage("assistant", "", (call,)),
            ModelMessage("tool", "result", tool_call_id="t-1"),
            user("and"),
            user("hello"),
        )
        [body] = there.asked
        assert [each["role"] for each in body["messages"]] == ["user", "assistant", "user"]
        assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text", "text"]


async def test_nobody_there_is_told_in_words() -> None:
    client = reach("acme", "openai", "http://127.0.0.1:9/v1", None, 2.0)
    with pytest.raises(ModelFailed, match="acme cannot be reached"):
        await heard(client, user("hi"))
    await client.model.close()


def test_prices_come_from_the_tables_and_nothing_unknown_is_free() -> None:
    used = Usage(1_000_000, 1_000_000)
    price = price_at("anthropic", "https://api.anthropic.com", with_key=True)
    known = price("claude-sonnet-4-5", used, 0)
    assert known.cost_usd == pytest.approx(known.input_cost_usd + known.output_cost_usd)
    assert known.input_cost_usd >= 3
    assert price("claude-sonnet-4-5", used, 900_000).input_cost_usd < known.input_cost_usd
    assert price("no-such-model", used, 0).unpriced
    assert price_at("acme", "https://llm.example.com", with_key=False)("m", used, 0).unpriced
    own = price_at("acme", "http://192.168.1.7:11434/v1", with_key=False)("m", used, 0)
    assert (own.cost_usd, own.unpriced) == (0.0, False)


def test_what_is_our_own_machine() -> None:
    own = (
        "http://localhost:1",
        "http://127.0.0.1",
        "http://10.1.2.3:8080",
        "http://gpu.lan",
        "http://box:11434",
    )
    assert all(map(is_own, own))
    assert not any(map(is_own, ("https://api.openai.com", "http://8.8.8.8", "https://x.example.org")))
