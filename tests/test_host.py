"""The Python API, in process and by URL."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import clawft
from clawft import Host
from clawft.errors import Conflict, Invalid, NotFound
from clawft.messages.agents import GetAgent, ListAgents
from clawft.messages.sessions import ListTurns
from clawft.messages.tools import ListTools
from clawft.wire import Unreachable
from tests.scenarios.process import HostProcess, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("host") / "data") as host:
        yield host


@pytest.fixture(params=["in process", "by URL"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    url = request.getfixturevalue("running").url if request.param == "by URL" else None
    async with Host(url=url) as opened:
        yield opened


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def fail(why: str) -> str:
    """Fail in this way."""
    raise ValueError(why)


async def test_an_agent_is_spawned_and_answers(host: Host) -> None:
    agent = await host.spawn("clerk", prompt="You keep notes.")
    answer = await agent.ask("hello")
    assert answer
    assert [message.role for message in await agent.history()] == ["user", "assistant"]
    assert (await host.ask(GetAgent("clerk"))).status == "running"


async def test_the_pieces_of_a_stream_are_the_answer(host: Host) -> None:
    agent = await host.spawn("clerk")
    pieces = [piece async for piece in agent.stream("hello, who are you?")]
    assert len(pieces) >= 1
    assert "".join(pieces) == (await agent.history())[-1].content


async def test_a_python_function_is_a_tool(host: Host) -> None:
    agent = await host.spawn("reckoner", tools=[multiply])
    message = await agent.send('Use the multiply tool with {"a": 6, "b": 7}')
    assert message.tool_calls
    (call,) = message.tool_calls
    assert (call.name, call.result) == ("multiply", "42")


async def test_a_coroutine_function_may_take_part_in_the_script(host: Host) -> None:
    said = asyncio.Event()

    async def note(text: str) -> str:
        """Note something down."""
        said.set()
        return text

    agent = await host.spawn("clerk", tools=[note])
    await agent.ask('Use the note tool with {"text": "x"}')
    assert said.is_set()


async def test_a_tool_that_fails_says_why_and_the_turn_goes_on(host: Host) -> None:
    agent = await host.spawn("unlucky", tools=[fail])
    message = await agent.send('Use the fail tool with {"why": "no luck"}')
    assert message.tool_calls
    assert "ValueError: no luck" in str(message.tool_calls[0].result)


async def test_an_agent_without_tools_has_none(host: Host) -> None:
    agent = await host.spawn("talker", tools=[])
    message = await agent.send('Use the read_file tool with {"path": "x"}')
    assert not message.tool_calls


async def test_events_are_watched(host: Host) -> None:
    agent = await host.spawn("clerk")
    async with host.watching("agent:status", f"sessions:{await agent.session()}") as events:
        await agent.ask("hello")
        await agent.stop()
        seen = []
        async for event in events:
            seen.append(event)
            if event.topic == "agent:status":
                break
    assert [event.data["role"] for event in seen[:-1]] == ["user", "assistant"]
    assert seen[-1].data == {"agentId": "clerk", "status": "stopped"}
    numbers = [event.seq for event in seen if event.topic.startswith("sessions:")]
    assert numbers == [1, 2]


async def test_a_stopped_agent_refuses_with_a_conflict(host: Host) -> None:
    agent = await host.spawn("clerk")
    await agent.ask("hello")
    await agent.stop()
    with pytest.raises(Conflict):
        await agent.ask("hello?")
    with pytest.raises(Conflict):
        [piece async for piece in agent.stream("hello?")]
    await agent.start()
    assert await agent.ask("hello again")


async def test_a_removed_agent_is_gone(host: Host) -> None:
    agent = await host.spawn("passing")
    await agent.remove()
    with pytest.raises(NotFound):
        await host.agent("passing")


async def test_cancelling_an_ask_ends_its_turn(host: Host) -> None:
    called = asyncio.Event()

    async def wait() -> str:
        """Wait for ever."""
        called.set()
        await asyncio.Event().wait()
        return ""

    agent = await host.spawn("patient", tools=[wait])
    asking = asyncio.ensure_future(agent.ask("Use the wait tool with {}"))
    await asyncio.wait_for(called.wait(), 10)
    asking.cancel()
    async with asyncio.timeout(10):
        while (turn := (await host.ask(ListTurns(await agent.session())))[0]).state == "running":
            await asyncio.sleep(0.01)
    assert turn.state == "cancelled"


async def test_tools_of_a_script_leave_with_it(running: HostProcess) -> None:
    async with Host(url=running.url) as host:
        await host.spawn("reckoner", tools=[multiply])
        assert "multiply" in {tool.name for tool in await host.ask(ListTools())}
    async with Host(url=running.url) as host:
        assert "multiply" not in {tool.name for tool in await host.ask(ListTools())}


async def test_a_token_minted_for_a_script_ends_with_it(running: HostProcess) -> None:
    before = len(running.ok("GET", "/api/tokens"))
    async with Host(url=running.url) as host:
        await host.ask(ListAgents())
        assert len(running.ok("GET", "/api/tokens")) == before + 1
    assert len(running.ok("GET", "/api/tokens")) == before


async def test_a_folder_given_keeps_what_was_done(tmp_path: Path) -> None:
    async with Host(data_dir=tmp_path / "data") as host:
        await host.spawn("clerk", prompt="You keep notes.")
    async with Host(data_dir=tmp_path / "data") as host:
        assert "clerk" in {agent.id for agent in await host.ask(ListAgents())}


async def test_a_temporary_folder_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with Host() as host:
        await host.ask(ListAgents())
        assert os.listdir(tmp_path)
    assert not os.listdir(tmp_path)


def test_a_script_without_a_loop_does_the_same(tmp_path: Path) -> None:
    with Host(data_dir=tmp_path / "data") as host:
        agent = host.spawn("reckoner", tools=[multiply])
        message = agent.send('Use the multiply tool with {"a": 6, "b": 7}')
        assert [call.result for call in message.tool_calls or ()] == ["42"]
        assert "".join(agent.stream("hello")) == agent.history()[-1].content
        agent.stop()
        with pytest.raises(Conflict):
            agent.ask("hello?")


def test_leaving_a_blocking_stream_early_stops_the_turn(tmp_path: Path) -> None:
    with Host(data_dir=tmp_path / "data") as host:
        agent = host.spawn("clerk")
        stream = agent.stream("tell me a long story about everything you can do")
        next(stream)
        stream.close()  # type: ignore[attr-defined]  # it is a generator, typed as what one may rely on
        assert agent.ask("are you free?")


async def test_nobody_at_the_address_is_unreachable() -> None:
    async with Host(url="http://127.0.0.1:9") as host:
        with pytest.raises(Unreachable, match="clawft serve"):
            await host.ask(ListAgents())


@pytest.mark.parametrize(
    "url", ["ftp://localhost", "http://", "http://localhost:1/api", "http://user@localhost"]
)
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="address of a host"):
        async with Host(url=url):
            pass


def test_the_api_is_imported_when_it_is_used() -> None:
    assert clawft.Agent.__module__ == "clawft.host"
    with pytest.raises(AttributeError, match="nothing"):
        clawft.nothing  # noqa: B018 - the access is the test
