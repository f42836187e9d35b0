"""The client, against a real server with a few small actors behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawft.client import Client
from clawft.domain.agents import AgentSpec
from clawft.domain.events import AgentStatusChanged
from clawft.domain.tokens import Caller
from clawft.errors import ClawftError, Forbidden, Invalid, NotFound, Unauthorized
from clawft.host import Agent
from clawft.messages.actors import RestartActor
from clawft.messages.agents import Brief, SpawnAgent
from clawft.messages.cron import ListJobs, UpdateJob
from clawft.messages.delegation import GetHistory
from clawft.messages.memory import SearchMemory
from clawft.messages.monitor import GetTokenUsage
from clawft.messages.sessions import CreateSession, GetSession, ListSessions, SendMessage
from clawft.messages.tokens import ListTokens, MintToken
from clawft.wire import Unreachable, request_for
from tests.web.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path) as running:
        yield running


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    async with Client(house.server.url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("message", "method", "path", "body"),
    [
        (ListSessions(), "GET", "/api/sessions", None),
        (GetSession("sess 1/2"), "GET", "/api/sessions/sess%201%2F2", None),
        (SearchMemory("a b", 0.5), "GET", "/api/memory/search?q=a+b&threshold=0.5&limit=50", None),
        (GetTokenUsage(), "GET", "/api/monitoring/token-usage", None),
        (GetHistory(), "GET", "/api/delegation/history?session=&target=&offset=0&limit=50", None),
        (UpdateJob("job", enabled=False), "PUT", "/api/cron/job", b'{"enabled":false}'),
        (RestartActor("agents/x"), "POST", "/api/actors/agents%2Fx/restart", b"{}"),
        (MintToken(Caller("nobody"), ttl=60), "POST", "/api/auth/token", b'{"ttl":60,"name":""}'),
    ],
)
def test_a_message_becomes_the_request_of_its_route(
    message: object, method: str, path: str, body: object
) -> None:
    request = request_for(message)  # type: ignore[arg-type]  # the parameters are asks, of many kinds
    assert (request.method, request.path, request.body) == (method, path, body)


def test_a_field_that_takes_the_whole_body_is_the_body() -> None:
    assert b'"name":"clerk"' in (request_for(SpawnAgent(AgentSpec(name="clerk"))).body or b"")


def test_what_no_route_takes_is_said_to_be_for_in_process_only() -> None:
    with pytest.raises(Invalid, match="Brief"):
        request_for(Brief("clerk"))


async def test_an_answer_is_the_value_an_actor_gave(client: Client) -> None:
    made = await client.ask(CreateSession("general-agent"))
    assert await client.ask(ListSessions()) == (made,)
    reply = await client.ask(SendMessage(made.key, "hello"))
    assert (reply.role, reply.content, reply.tool_calls) == ("assistant", "hello", ())


async def test_a_refusal_is_raised_as_it_would_be_in_process(client: Client) -> None:
    with pytest.raises(NotFound, match="no session has the key none"):
        await client.ask(GetSession("none"))
    with pytest.raises(ClawftError, match="something went wrong"):
        await client.ask(SendMessage((await client.ask(CreateSession("a"))).key, "fall"))


async def test_what_the_host_does_not_serve_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        await client.ask(ListJobs())


async def test_a_token_is_minted_once_and_revoked_at_the_end(house: House) -> None:
    async with Client(house.server.url, token=house.token) as watcher:
        before = await live_tokens(watcher)
        async with Client(house.server.url) as client:
            await asyncio.gather(*(client.ask(ListSessions()) for _ in range(5)))
            assert await live_tokens(watcher) == before + 1
        assert await live_tokens(watcher) == before


async def live_tokens(client: Client) -> int:
    tokens = await client.ask(ListTokens())
    return len(tokens)


async def test_a_token_given_is_not_revoked(house: House) -> None:
    async with Client(house.server.url, token=house.token) as client:
        await client.ask(ListSessions())
    async with Client(house.server.url, token=house.token) as client:
        await client.ask(ListSessions())


async def test_a_wrong_token_is_unauthorized(house: House) -> None:
    async with Client(house.server.url, token="clawft_wrong") as client:
        with pytest.raises(Unauthorized):
            await client.ask(ListSessions())
        with pytest.raises(Unauthorized):
            async with client.frames("agent:status"):
                pass


async def test_who_may_not_mint_is_told_what_to_give(tmp_path: Path) -> None:
    async with House(tmp_path / "trusting") as other, Client(other.server.url) as client:
        narrow = await client.mint(MintToken(Caller("nobody"), scopes=("read",)))
        async with Client(other.server.url, token=narrow.token) as reader:
            with pytest.raises(Forbidden, match="secret"):
                await reader.mint(MintToken(Caller("nobody"), scopes=("admin",)))


async def test_frames_are_heard_from_the_moment_the_block_is_entered(house: House, client: Client) -> None:
    async with client.frames("agent:status") as frames:
        await house.publish(AgentStatusChanged("a", "running"), AgentStatusChanged("a", "stopped"))
        first, second = await anext(frames), await anext(frames)
    assert (first["seq"], first["data"]) == (1, {"agentId": "a", "status": "running"})
    assert second["seq"] == 2


async def test_what_was_missed_is_replayed(house: House, client: Client) -> None:
    await house.publish(AgentStatusChanged("a", "running"), AgentStatusChanged("a", "stopped"))
    async with client.frames("agent:status", since={"agent:status": 1}) as frames:
        assert (await anext(frames))["seq"] == 2


async def test_an_unknown_topic_is_refused(client: Client) -> None:
    with pytest.raises(Invalid, match="topic"):
        async with client.frames("no:such:topic"):
            pass


async def test_cancelling_an_ask_stops_the_work(house: House, client: Client) -> None:
    key = await house.session()
    asking = asyncio.ensure_future(client.ask(SendMessage(key, "wait")))
    await asyncio.wait_for(house.waiting.wait(), 10)
    asking.cancel()
    await asyncio.wait_for(house.cancelled.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_an_agent_streams_over_the_socket(house: House, client: Client) -> None:
    agent = Agent(client, "general-agent", session=await house.session())
    assert [piece async for piece in agent.stream("hello")] == ["hello"]


async def test_a_stream_that_is_left_early_stops_the_work(house: House, client: Client) -> None:
    agent = Agent(client, "general-agent", session=await house.session())
    stream = agent.stream("wait")
    coming = asyncio.ensure_future(anext(stream))
    await asyncio.wait_for(house.waiting.wait(), 10)
    coming.cancel()
    await asyncio.wait_for(house.cancelled.wait(), 10)


async def test_a_failing_turn_ends_its_stream_with_the_reason(house: House, client: Client) -> None:
    agent = Agent(client, "general-agent", session=await house.session())
    with pytest.raises(ClawftError, match="something went wrong"):
        [piece async for piece in agent.stream("fall")]


async def test_a_host_that_stops_says_so_to_who_listens(tmp_path: Path) -> None:
    async with House(tmp_path) as house, Client(house.server.url) as client:
        async with client.frames("agent:status") as frames:
            stopping = asyncio.ensure_future(house.server.stop(grace=1.0))
            with pytest.raises(Unreachable, match="stopping"):
                await anext(frames)
            await stopping
        with pytest.raises(Unreachable):
            await client.ask(ListSessions())
