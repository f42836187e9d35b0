"""The one who keeps the agents."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clawft.actors.agent import Agent
from clawft.actors.agents import Agents
from clawft.domain.agents import DEFAULT_AGENT, AgentDetail, AgentSpec
from clawft.domain.config import OFFLINE_MODEL, ConfigData
from clawft.domain.events import AgentStatusChanged
from clawft.domain.skills import SkillData
from clawft.domain.tools import ToolInfo
from clawft.drivers.agent_files import AgentFolder
from clawft.errors import Conflict, Invalid, NotFound, StorageFull
from clawft.messages.agents import (
    AgentsChanged,
    Brief,
    GetAgent,
    ListAgents,
    RemoveAgent,
    SpawnAgent,
    StartAgent,
    StopAgent,
)
from clawft.messages.config import ConfigChanged, WatchConfig
from clawft.messages.events import Publish
from clawft.messages.sessions import StopAgentTurns
from clawft.messages.skills import ListSkills
from clawft.messages.tools import ListTools
from clawft.runtime import NoSuchActor, Reply, Restart, System, Tell
from clawft.store import Store
from clawft.store.agents import AgentStore
from clawft.store.sessions import SessionStore
from tests.actors.recorder import Recorder, of_kind

NOON = datetime(2026, 2, 24, 12, tzinfo=UTC)
REVIEW = SkillData(
    name="review", version="1", description="", author="", tags=(), installed=True, enabled=True
)


class Quiet(Agents):
    """Looks at the files when it is told to, not by the clock."""

    look_every = 3600.0
    supervision = Restart(limit=0)


class House:
    """A system with agents, and recorders where others would be; may be left and entered again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "agents"
        self.heard: list[Any] = []
        self.system: System
        self.store: Store
        self.agent_store: type[AgentStore] = AgentStore

    async def enter(self) -> None:
        self.system = System("test")
        self.system.attach()
        self.store = Store.open(self.system, self.folder)
        tools = (ToolInfo(name="read_file", description=""),)
        answers = {WatchConfig: ConfigData(), ListSkills: (REVIEW,), ListTools: tools}
        for name in ("events", "sessions", "config", "skills", "tools"):
            self.system.spawn(Recorder, name, self.heard, answers)
        self.system.spawn(
            Quiet,
            "agents",
            store=self.agent_store(self.store),
            sessions=SessionStore(self.store),
            folder=AgentFolder(self.files),
            now=lambda: NOON,
        )
        await self.ids()

    async def leave(self) -> None:
        self.store.close()
        assert await self.system.shutdown(5) == ()

    async def again(self) -> None:
        await self.leave()
        self.heard.clear()
        await self.enter()

    async def ids(self) -> dict[str, str]:
        return {agent.id: agent.status for agent in await self.system.ask("agents", ListAgents())}

    async def detail(self, id: str) -> AgentDetail:
        return await self.system.ask("agents", GetAgent(id=id))

    async def brief(self, id: str) -> AgentSpec:
        return await self.system.ask("agents", Brief(id=id))

    async def start(self, id: str) -> None:
        await self.system.ask("agents", StartAgent(id=id))

    async def stop(self, id: str) -> None:
        await self.system.ask("agents", StopAgent(id=id))

    async def spawn(self, name: str, **members: Any) -> None:
        await self.system.ask("agents", SpawnAgent(spec=AgentSpec(name=name, **members)))

    async def write(self, name: str, text: str) -> None:
        self.files.mkdir(exist_ok=True)
        (self.files / name).write_text(text)
        await self.look()

    async def look(self) -> None:
        await self.system.ask("agents", AgentsChanged())

    def statuses(self) -> list[tuple[str, str]]:
        events = [note.event for note in of_kind(self.heard, Publish)]
        return [(event.agent_id, event.status) for event in of_kind(events, AgentStatusChanged)]

    def lives(self, id: str) -> bool:
        try:
            return self.system.find(f"agents/{id}").is_alive()
        except NoSuchActor:
            return False


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "data")
    await house.enter()
    yield house
    await house.leave()


class Break(Tell, frozen=True):
    """Fail."""


def break_or(receive: Callable[[Agent, Any], Any]) -> Callable[[Agent, Any], Any]:
    def on_receive(agent: Agent, message: Any) -> Any:
        if isinstance(message, Break):
            raise RuntimeError("broken")
        return receive(agent, message)

    return on_receive


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


# -- a fresh host, and files


async def test_a_fresh_host_has_its_agent_in_a_file_that_can_be_changed(house: House) -> None:
    assert await house.ids() == {DEFAULT_AGENT: "running"}
    spec = await house.brief(DEFAULT_AGENT)
    assert (spec.model, spec.config) == (OFFLINE_MODEL, {"max_tokens": 4096, "temperature": 0.7})
    text = (house.files / f"{DEFAULT_AGENT}.toml").read_text()
    await house.write(f"{DEFAULT_AGENT}.toml", text.replace("General purpose", "Changed"))
    assert (await house.detail(DEFAULT_AGENT)).description == "Changed assistant"


async def test_a_deleted_default_stays_deleted_where_there_is_another_agent(house: House) -> None:
    await house.spawn("mine")
    (house.files / f"{DEFAULT_AGENT}.toml").unlink()
    await house.look()
    assert await house.ids() == {"mine": "running"}
    await house.again()
    assert await house.ids() == {"mine": "running"}


async def test_files_are_followed_as_they_come_change_and_go(house: House) -> None:
    await house.write("writer.yaml", "description: Writes\n")
    assert (await house.brief("writer")).description == "Writes"
    await house.write("writer.yaml", "description: Writes well\nmodel: openai/x\n")
    spec = await house.brief("writer")
    assert (spec.description, spec.model) == ("Writes well", "openai/x")
    (house.files / "writer.yaml").unlink()
    await house.look()
    with pytest.raises(NotFound):
        await house.brief("writer")
    assert not house.lives("writer")
    assert [note.agent_id for note in of_kind(house.heard, StopAgentTurns)] == ["writer"]
    assert [status for id, status in house.statuses() if id == "writer"] == ["running", "stopped"]


async def test_a_file_that_breaks_is_shown_and_its_last_good_definition_goes_on(house: House) -> None:
    await house.write("writer.toml", 'description = "Writes"')
    await house.write("writer.toml", "description = 7")
    assert (await house.ids())["writer"] == "error"
    assert "writer.toml: Expected `str`, got `int` - at `$.description`" in str(
        (await house.detail("writer")).error
    )
    assert (await house.brief("writer")).description == "Writes"
    await house.write("writer.toml", 'description = "Mended"')
    assert (await house.ids())["writer"] == "running"
    assert (await house.brief("writer")).description == "Mended"
    assert [status for id, status in house.statuses() if id == "writer"] == ["running", "error", "running"]


async def test_a_file_that_was_never_good_is_listed_and_cannot_be_started_or_briefed(house: House) -> None:
    await house.write("writer.toml", "description = 7")
    assert (await house.ids())["writer"] == "error"
    assert (await house.detail("writer")).name == "writer"
    with pytest.raises(Conflict, match=r"writer.toml.*description"):
        await house.brief("writer")
    with pytest.raises(Conflict, match=r"writer.toml.*description"):
        await house.start("writer")


async def test_the_host_starts_with_a_broken_file_and_keeps_its_age(house: House) -> None:
    await house.write("writer.toml", 'id = "agent-1"')
    await house.leave()
    (house.files / "writer.toml").write_text("[")
    await house.enter()
    assert (await house.ids())["writer"] == "error"
    kept = {record.id for record in await AgentStore(house.store).all()}
    assert "agent-1" in kept


async def test_created_at_and_a_stop_survive_a_restart(house: House) -> None:
    await house.write("writer.toml", "")
    await house.stop("writer")
    await house.again()
    assert (await house.ids())["writer"] == "stopped"
    assert (await house.detail("writer")).created_at == NOON
    assert not house.lives("writer")
    await house.start("writer")
    await house.again()
    assert (await house.ids())["writer"] == "running"


# -- start and stop


async def test_a_stopped_agent_has_no_actor_and_answers_nobody(house: House) -> None:
    await house.stop(DEFAULT_AGENT)
    assert not house.lives(DEFAULT_AGENT)
    with pytest.raises(Conflict, match="stopped"):
        await house.brief(DEFAULT_AGENT)
    assert (await house.detail(DEFAULT_AGENT)).status == "stopped"
    assert [note.agent_id for note in of_kind(house.heard, StopAgentTurns)] == [DEFAULT_AGENT]
    await house.start(DEFAULT_AGENT)
    assert house.lives(DEFAULT_AGENT)
    await house.brief(DEFAULT_AGENT)


async def test_starting_and_stopping_twice_changes_and_tells_nothing_more(house: House) -> None:
    await house.start(DEFAULT_AGENT)
    await house.stop(DEFAULT_AGENT)
    await house.stop(DEFAULT_AGENT)
    await house.start(DEFAULT_AGENT)
    await house.start(DEFAULT_AGENT)
    assert [status for _, status in house.statuses()] == ["running", "stopped", "running"]


async def test_an_agent_nobody_has_is_not_found(house: House) -> None:
    for message in (
        GetAgent(id="x"),
        StartAgent(id="x"),
        StopAgent(id="x"),
        Brief(id="x"),
        RemoveAgent(id="x"),
    ):
        with pytest.raises(NotFound, match="no agent has the id x"):
            await house.system.ask("agents", message)


async def test_starts_and_stops_at_the_same_time_end_with_the_last(house: House) -> None:
    for last, status in ((house.stop, "stopped"), (house.start, "running")):
        other = house.start if last == house.stop else house.stop
        await asyncio.gather(*(each(DEFAULT_AGENT) for _ in range(10) for each in (other, last)))
        assert (await house.ids())[DEFAULT_AGENT] == status
        assert house.lives(DEFAULT_AGENT) == (status == "running")


async def test_a_stop_that_cannot_be_kept_is_no_stop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Reply[None]:
        return Reply.failed(StorageFull("no room"))

    monkeypatch.setattr(AgentStore, "want", full)
    with pytest.raises(StorageFull):
        await house.stop(DEFAULT_AGENT)
    await house.brief(DEFAULT_AGENT)
    assert (await house.ids())[DEFAULT_AGENT] == "running"


async def test_an_actor_past_its_budget_is_an_error_until_it_is_started(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Agent, "on_receive", break_or(Agent.on_receive))
    house.system.tell(f"agents/{DEFAULT_AGENT}", Break())
    assert (await house.ids())[DEFAULT_AGENT] == "error"
    assert "RuntimeError: broken" in str((await house.detail(DEFAULT_AGENT)).error)
    with pytest.raises(Conflict, match="broken"):
        await house.brief(DEFAULT_AGENT)
    assert house.statuses()[-1] == (DEFAULT_AGENT, "error")
    await house.start(DEFAULT_AGENT)
    await house.brief(DEFAULT_AGENT)
    assert house.statuses()[-1] == (DEFAULT_AGENT, "running")


async def test_an_agent_whose_actor_an_operator_restarted_is_running_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Agent, "on_receive", break_or(Agent.on_receive))
    house.system.tell(f"agents/{DEFAULT_AGENT}", Break())
    await asyncio.sleep(0)  # its turn ends
    house.system.restart(f"agents/{DEFAULT_AGENT}")
    await house.look()
    assert (await house.ids())[DEFAULT_AGENT] == "running"
    await house.brief(DEFAULT_AGENT)


# -- agents from code


async def test_an_agent_from_code_survives_a_restart_and_can_be_replaced_and_removed(house: House) -> None:
    await house.spawn("coder", description="One", config={"depth": {"deep": [1, 2]}})
    await house.again()
    spec = await house.brief("coder")
    assert (spec.description, spec.config["depth"], spec.source) == ("One", {"deep": [1, 2]}, "code")
    await house.spawn("coder", description="Two")
    assert (await house.brief("coder")).description == "Two"
    await house.system.ask("agents", RemoveAgent(id="coder"))
    assert "coder" not in await house.ids()
    await house.again()
    assert "coder" not in await house.ids()


async def test_spawning_a_stopped_agent_starts_it(house: House) -> None:
    await house.spawn("coder")
    await house.stop("coder")
    await house.spawn("coder")
    assert (await house.ids())["coder"] == "running"
    assert house.lives("coder")


async def test_an_agent_of_a_file_is_not_replaced_or_removed_from_code(house: House) -> None:
    with pytest.raises(Conflict, match=r"general-agent\.toml"):
        await house.spawn(DEFAULT_AGENT)
    with pytest.raises(Conflict, match=r"general-agent\.toml"):
        await house.system.ask("agents", RemoveAgent(id=DEFAULT_AGENT))


async def test_a_file_gets_its_agent_when_the_one_from_code_is_removed(house: House) -> None:
    await house.spawn("coder", description="code")
    await house.write("coder.toml", 'description = "file"')
    assert (await house.ids())["coder.toml"] == "error"
    assert (await house.brief("coder")).description == "code"
    await house.system.ask("agents", RemoveAgent(id="coder"))
    await house.look()
    assert (await house.brief("coder")).description == "file"
    assert "coder.toml" not in await house.ids()


@pytest.mark.parametrize(
    "members", [{"name": "a/b"}, {"name": "a", "id": "../b"}, {"name": "a", "skills": "x"}]
)
async def test_a_definition_from_code_that_cannot_be_is_refused(
    house: House, members: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match=r"\$\."):
        await house.spawn(**members)
    assert list(await house.ids()) == [DEFAULT_AGENT]


# -- what others are told


async def test_the_config_of_the_moment_fills_a_brief(house: House) -> None:
    config = msgspec.convert({"agents": {"defaults": {"model": "openai/y", "max_tokens": 9}}}, ConfigData)
    house.system.tell("agents", ConfigChanged(config=config))
    spec = await house.brief(DEFAULT_AGENT)
    assert (spec.model, spec.config["max_tokens"]) == ("openai/y", 9)
    [summary] = await house.system.ask("agents", ListAgents())
    assert summary.model == "openai/y"


async def test_what_a_definition_names_and_the_host_has_not_is_said(house: House) -> None:
    await house.spawn("coder", skills=("review", "cook"), tools=("read_file", "fly"))
    detail = await house.detail("coder")
    assert detail.warnings == ("no skill has the name cook", "no tool has the name fly")
    assert detail.status == "running"


async def test_an_agent_says_how_many_sessions_it_has(house: House) -> None:
    assert (await house.detail(DEFAULT_AGENT)).session_count == 0


async def test_agents_are_seen_in_the_tree_below_their_parent(house: House) -> None:
    paths = [status.path for status in house.system.tree()]
    assert paths.index("agents") < paths.index(f"agents/{DEFAULT_AGENT}")


async def test_looking_at_files_goes_on_by_itself(house: House) -> None:
    await house.leave()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(Quiet, "look_every", 0.02)
    try:
        await house.enter()
        (house.files / "writer.toml").write_text("")
        await eventually(lambda: house.lives("writer"))
    finally:
        monkey.undo()
