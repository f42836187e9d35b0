"""The OpenAI-compatible door, through the official client against a whole host."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.scenarios.process import HostProcess, serving

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
WANTS_TOOL = 'Use the get_weather tool with {"city": "Paris"}'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("door") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(host: HostProcess) -> Iterator[OpenAI]:
    token = host.ok("POST", "/api/auth/token")["token"]
    with OpenAI(base_url=f"{host.url}/v1", api_key=token, max_retries=0, timeout=30) as made:
        yield made


def user(content: str) -> Any:
    return {"role": "user", "content": content}


def test_a_model_is_an_agent(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["general-agent"]


def test_a_question_is_answered_and_counted(client: OpenAI, host: HostProcess) -> None:
    done = client.chat.completions.create(model="general-agent", messages=[user("hello")])
    [choice] = done.choices
    assert choice.finish_reason == "stop"
    assert "offline/rules-1" in (choice.message.content or "")
    assert done.usage
    assert done.usage.prompt_tokens > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.id.startswith("chatcmpl-turn-")


def test_an_answer_is_streamed_as_it_comes(client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    whole = client.chat.completions.create(model="general-agent", messages=[user("hello")])
    chunks = list(
        client.chat.completions.create(
            model="general-agent", messages=[user("hello")], stream=True, stream_options=options
        )
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_tool_is_called_by_the_caller(client: OpenAI, stream: bool) -> None:
    messages = [user(WANTS_TOOL)]
    call = wanted(client, messages, stream)
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
        "get_weather",
        {"city": "Paris"},
    )
    messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": call["id"], "content": "21 C and sunny"})
    done = client.chat.completions.create(model="general-agent", messages=messages, tools=[TOOL])
    assert done.choices[0].finish_reason == "stop"
    assert "21 C and sunny" in (done.choices[0].message.content or "")
    with pytest.raises(openai.NotFoundError, match="may have been answered or timed out"):
        client.chat.completions.create(model="general-agent", messages=messages, tools=[TOOL])


def wanted(client: OpenAI, messages: list[Any], stream: bool) -> dict[str, Any]:
    if not stream:
        done = client.chat.completions.create(model="general-agent", messages=messages, tools=[TOOL])
        assert done.choices[0].finish_reason == "tool_calls"
        [call] = done.choices[0].message.tool_calls or []
        return call.model_dump()
    chunks = client.chat.completions.create(
        model="general-agent", messages=messages, tools=[TOOL], stream=True
    )
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert len(calls) == 1
    return {key: value for key, value in calls[0].model_dump().items() if key != "index"}


def test_the_callers_tool_is_nobody_elses(client: OpenAI, host: HostProcess) -> None:
    wanted(client, [user(WANTS_TOOL)], stream=False)
    assert "get_weather" not in [tool["name"] for tool in host.ok("GET", "/api/tools")]


def test_history_is_what_the_caller_says_it_is(client: OpenAI, host: HostProcess) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        user("my name is Ada"),
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    ]
    raw = client.chat.completions.with_raw_response.create(model="general-agent", messages=history)
    key = raw.headers["X-Clawft-Session"]
    said = host.ok("GET", f"/api/sessions/{key}")["messages"]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "user", "assistant"]
    again = client.chat.completions.with_raw_response.create(
        model="general-agent", messages=[user("hello again")], extra_headers={"X-Clawft-Session": key}
    )
    assert again.headers["X-Clawft-Session"] == key
    assert len(host.ok("GET", f"/api/sessions/{key}")["messages"]) == 7


def test_what_is_wrong_is_told_in_their_shape(client: OpenAI, host: HostProcess) -> None:
    create: Any = client.chat.completions.create
    with pytest.raises(openai.NotFoundError, match="nobody"):
        create(model="nobody", messages=[user("hi")])
    with pytest.raises(openai.BadRequestError, match="one answer"):
        create(model="general-agent", messages=[user("hi")], n=2)
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    with pytest.raises(openai.BadRequestError, match="is no text"):
        create(model="general-agent", messages=[{"role": "user", "content": [picture]}])
    with pytest.raises(openai.BadRequestError, match="last message"):
        create(model="general-agent", messages=[{"role": "assistant", "content": "hi"}])
    with pytest.raises(openai.AuthenticationError):
        OpenAI(base_url=f"{host.url}/v1", api_key="wrong", max_retries=0).models.list()
    reader = host.ok("POST", "/api/auth/token", {"scopes": ["read"]})["token"]
    with pytest.raises(openai.PermissionDeniedError):
        OpenAI(base_url=f"{host.url}/v1", api_key=reader, max_retries=0).chat.completions.create(
            model="general-agent", messages=[user("hi")]
        )
    assert host.call("POST", "/v1/chat/completions", {"messages": []}).status == 400
