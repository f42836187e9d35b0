"""The offline model: rules that say so, and real tool calls."""

import json
from typing import Any

import pytest

from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolSpec
from clawft.drivers.models.offline import OfflineModel
from clawft.drivers.models.registry import Models
from clawft.drivers.models.rules import NOTE
from clawft.errors import ModelFailed


def tool(name: str, *required: str, **kinds: str) -> ToolSpec:
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name, f"What {name} does", schema)


TOOLS = (
    tool("read_file", "path", path="string", limit="integer"),
    tool("list_directory", path="string"),
    tool("memory_read", query="string", key="string"),
    tool("memory_write", "key", "value", key="string", value="string"),
)


async def events(
    *messages: ModelMessage, tools: tuple[ToolSpec, ...] = TOOLS, **rest: Any
) -> list[ModelEvent]:
    request = ModelRequest(**{"model": "rules-1", "messages": messages, "tools": tools, **rest})
    return [event async for event in OfflineModel().stream(request)]


async def said(text: str, tools: tuple[ToolSpec, ...] = TOOLS) -> str:
    answer = await events(ModelMessage("user", text), tools=tools)
    assert isinstance(answer[-1], Finished)
    assert answer[-1].stop == "end"
    return "".join(event.text for event in answer if isinstance(event, TextDelta))


async def called(text: str, tools: tuple[ToolSpec, ...] = TOOLS) -> tuple[str, dict[str, Any]]:
    first, last = await events(ModelMessage("user", text), tools=tools)
    assert isinstance(first, ToolCalls)
    assert isinstance(last, Finished)
    assert last.stop == "tools"
    (call,) = first.calls
    return call.name, json.loads(call.arguments)


async def told(asked: str, result: str) -> str:
    call = ToolCallInfo("c1", "read_file", "{}")
    answer = await events(
        ModelMessage("user", asked),
        ModelMessage("assistant", "", (call,)),
        ModelMessage("tool", result, tool_call_id="c1"),
    )
    return "".join(event.text for event in answer if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    "text", ["hello", "/tools", "summarise: a. b. c. d.", "/nope", "write me a poem", ""]
)
async def test_every_answer_in_words_says_that_it_is_rules(text: str) -> None:
    assert (await said(text)).endswith(NOTE)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("/read_file notes.txt limit=3", "read_file", {"path": "notes.txt", "limit": 3}),
        ('Use the read_file tool with {"path": "a b.txt"}', "read_file", {"path": "a b.txt"}),
        ("use the list_directory tool", "list_directory", {}),
        (
            "remember that the gate code is 4711",
            "memory_write",
            {"key": "gate-code-4711", "value": "the gate code is 4711"},
        ),
        (
            "Remember the gate is blue as gate.colour",
            "memory_write",
            {"key": "gate.colour", "value": "the gate is blue"},
        ),
        ("recall the gate code", "memory_read", {"query": "the gate code"}),
        ("What do you know about gates?", "memory_read", {"query": "gates"}),
        ("Where is the staging box?", "memory_read", {"query": "Where is the staging box?"}),
        ("read notes.txt", "read_file", {"path": "notes.txt"}),
        ("Show me the file 'docs/a.md'", "read_file", {"path": "docs/a.md"}),
        ("list files", "list_directory", {"path": "."}),
        ("list the files in docs", "list_directory", {"path": "docs"}),
        ("ls", "list_directory", {"path": "."}),
        ("summarise the file notes.txt", "read_file", {"path": "notes.txt"}),
    ],
)
async def test_a_request_becomes_a_real_tool_call(text: str, name: str, arguments: dict[str, Any]) -> None:
    assert await called(text) == (name, arguments)


async def test_a_tool_the_agent_has_not_is_never_called() -> None:
    for text in ("remember that a is b", "read notes.txt", "list files", "where is it?"):
        assert "none of my rules fits" in await said(text, tools=())
    assert "There is no tool called read_file" in await said("/read_file a.txt", tools=())


async def test_arguments_that_cannot_be_read_are_explained_and_nothing_is_called() -> None:
    assert "`limit` should be integer" in await said("/read_file a.txt limit=many")


async def test_forgetting_says_how_when_there_is_no_tool_for_it() -> None:
    assert "DELETE /api/memory/gate-code" in await said("forget gate-code")
    delete = tool("memory_delete", "key", key="string")
    assert await called("forget about gate-code", (*TOOLS, delete)) == ("memory_delete", {"key": "gate-code"})


async def test_the_tools_are_listed_with_what_they_do() -> None:
    listed = (await said("/tools")).splitlines()
    assert listed[:-1] == [
        f"/{spec.name} — {spec.description}" for spec in sorted(TOOLS, key=lambda t: t.name)
    ]
    assert "has no tools" in await said("/tools", tools=())


async def test_a_text_is_summed_up_in_its_own_sentences() -> None:
    text = "Actors own state. Actors send messages. Messages move between actors. Lunch was fine. Rain fell."
    short = await said(f"summarise: {text}")
    assert "Messages move between actors." in short
    assert "Lunch" not in short


async def test_a_result_is_told_as_it_is() -> None:
    assert (await told("read notes.txt", "milk\neggs")) == f"milk\neggs\n{NOTE}"


async def test_a_result_in_json_is_made_readable() -> None:
    assert '"key": "gate"' in await told("recall gates", '[{"key":"gate","value":"blue"}]')


async def test_a_question_memory_does_not_answer_is_owned_up_to() -> None:
    answer = await told("What is the capital of France?", "nothing is remembered about the capital")
    assert "found nothing about that in memory" in answer
    assert "not a language model" in answer
    assert "language model" not in (await told("recall gates", "nothing is remembered about gates")).replace(
        NOTE, ""
    )


async def test_a_long_result_is_summed_up_and_its_length_told() -> None:
    text = "The pump is broken and the pump leaks. " * 200
    answer = await told("read log.txt", text)
    assert f"{len(text):,} characters" in answer
    assert len(answer) < 1_000


async def test_a_file_that_was_to_be_summed_up_is() -> None:
    text = "Actors own state. Actors send messages. Messages move between actors. Lunch was fine. Rain fell."
    assert "Lunch" not in await told("summarise the file a.txt", text)


async def test_an_empty_result_is_not_passed_over_in_silence() -> None:
    assert "nothing to say" in await told("read empty.txt", " \n")


async def test_all_results_of_one_step_are_told_in_order() -> None:
    calls = (ToolCallInfo("c1", "read_file", "{}"), ToolCallInfo("c2", "read_file", "{}"))
    answer = await events(
        ModelMessage("user", "both"),
        ModelMessage("assistant", "", calls),
        ModelMessage("tool", "first", tool_call_id="c1"),
        ModelMessage("tool", "second", tool_call_id="c2"),
    )
    text = "".join(event.text for event in answer if isinstance(event, TextDelta))
    assert text.startswith("first\n\nsecond\n")


async def test_it_answers_word_by_word_and_loses_none() -> None:
    answer = await events(ModelMessage("user", "/tools"))
    words = [event.text for event in answer if isinstance(event, TextDelta)]
    assert len(words) > 10
    assert all(len(word.split()) == 1 for word in words)


async def test_tokens_are_estimated_and_cost_nothing() -> None:
    *_, last = await events(ModelMessage("system", "x" * 400), ModelMessage("user", "hello"))
    assert isinstance(last, Finished)
    assert last.usage.input_tokens == 102
    assert last.usage.output_tokens > 10
    assert last.usage.estimated
    assert last.usage.cost_usd == 0


async def test_an_answer_longer_than_allowed_is_cut_and_says_so() -> None:
    answer = await events(ModelMessage("user", "/tools"), max_tokens=5)
    assert isinstance(answer[-1], Finished)
    assert answer[-1].stop == "length"
    assert len("".join(event.text for event in answer if isinstance(event, TextDelta))) == 20


async def test_the_longest_request_is_answered_at_once() -> None:
    assert "none of my rules fits" in await said("remember as " * 20_000)


async def test_another_model_of_the_offline_provider_is_refused() -> None:
    with pytest.raises(ModelFailed, match="no model called 'rules-2', only rules-1"):
        await events(ModelMessage("user", "hi"), model="rules-2")


def test_the_offline_model_is_found_on_every_host() -> None:
    found = Models().find("offline/rules-1")
    assert (type(found.model), found.provider, found.name) == (OfflineModel, "offline", "rules-1")


def test_a_name_without_a_known_provider_is_refused_in_words() -> None:
    models = Models()
    for name in ("large", "acme/", "/large", ""):
        with pytest.raises(ModelFailed, match=f"'{name}' names no provider"):
            models.find(name)


def test_a_bare_name_of_a_known_family_finds_its_provider() -> None:
    found = Models().find("claude-sonnet-4")
    assert (found.model, found.full_name) == (None, "anthropic/claude-sonnet-4")
    assert [Models().find(name).provider for name in ("gpt-4o", "o3-mini", "chatgpt-4o-latest")] == [
        "openai"
    ] * 3


def test_a_provider_that_was_added_answers_for_all_its_models() -> None:
    models, other = Models(), OfflineModel()
    models.add("acme", other)
    found = models.find("acme/a/b")
    assert found.model is other
    assert (found.provider, found.name) == ("acme", "a/b")
