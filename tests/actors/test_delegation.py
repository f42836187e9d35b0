"""Delegation: who gets a task, what is known of it meanwhile, and that it always ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.delegation import Delegation
from clawft.actors.tools_delegate import DelegateTask
from clawft.domain.delegation import MAX_DEPTH, DelegationRule
from clawft.domain.events import DelegationChanged
from clawft.domain.tools import ToolCall
from clawft.errors import Conflict, NotFound, StorageFull
from clawft.messages.delegation import (
    Choice,
    ChooseTarget,
    Delegate,
    Delegated,
    DeleteRule,
    GetHistory,
    ListActive,
    ListRules,
    PutRule,
)
from clawft.messages.events import Publish
from clawft.runtime import Reply, System
from clawft.store import Store
from clawft.store.delegations import DelegationStore
from tests.actors.conversations import Agents, Sessions, Talk
from tests.actors.moments import NOW, StillClock, until
from tests.actors.recorder import Recorder


class Host:
    """As much of a host as delegation needs."""

    def __init__(self, folder: Path) -> None:
        self.clock = StillClock()
        self.published: list[Publish] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, folder)
        self.system.spawn(Recorder, "events", self.published)
        self.system.spawn(Agents, "agents")
        self.sessions = Talk()
        self.system.spawn(Sessions, "sessions", self.sessions)

    def start(self, store: type[DelegationStore] = DelegationStore, **options: Any) -> None:
        self.store = store(self.kept)
        self.delegation = self.system.spawn(
            Delegation, "delegation", store=self.store, now=self.clock, **options
        )

    def delegate(self, task: str, **given: Any) -> Reply[Delegated]:
        return self.system.ask("delegation", Delegate("sess-1", task, **given))

    async def rules(self, *rules: DelegationRule) -> None:
        for rule in rules:
            assert await self.system.ask("delegation", PutRule(rule)) == rule

    async def history(self, **filters: Any) -> list[tuple[str, str]]:
        page = await self.system.ask("delegation", GetHistory(**filters))
        return [(entry.target, entry.status) for entry in page.items]

    def changes(self) -> list[str]:
        return [
            note.event.delegation.status
            for note in self.published
            if isinstance(note.event, DelegationChanged)
        ]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data")
    host.start()
    yield host
    host.kept.close()
    assert await host.system.shutdown(5) == ()


async def test_a_task_for_an_agent_is_done_in_a_session_of_its_own(host: Host) -> None:
    done = await host.delegate("plan the day", target="planner", agent_id="general-agent", depth=1)
    assert (done.status, done.target, done.content) == ("completed", "planner", "done: plan the day")
    (opened,), (sent,) = host.sessions.opened, host.sessions.sent
    assert (opened.agent_id, opened.model, opened.parent_key, opened.depth) == ("planner", "", "sess-1", 2)
    assert (sent.key, sent.content) == (opened.key, "plan the day")
    assert opened.key.startswith("sess-")
    assert opened.key != "sess-1"


async def test_a_target_no_agent_is_called_by_is_a_model_for_the_asker_s_agent(host: Host) -> None:
    done = await host.delegate("think", target="claude-sonnet-4", agent_id="planner")
    assert done.target == "claude-sonnet-4"
    assert [(ask.agent_id, ask.model) for ask in host.sessions.opened] == [("planner", "claude-sonnet-4")]


async def test_each_change_is_published_and_the_history_tells_the_end(host: Host) -> None:
    running = host.delegate("wait", target="planner")
    await until(lambda: host.sessions.sent)
    assert await host.history() == [("planner", "running")]
    host.clock.forward(seconds=1.25)
    (active,) = await host.system.ask("delegation", ListActive())
    assert (active.status, active.latency_ms, active.session_key) == ("running", 1250, "sess-1")
    assert (active.started_at, active.tool_name) == (NOW, "delegate_task")
    assert 0 <= active.complexity <= 1
    host.sessions.gate.set()
    await running
    assert await host.system.ask("delegation", ListActive()) == ()
    page = await host.system.ask("delegation", GetHistory())
    (entry,) = page.items
    assert (entry.status, entry.latency_ms, entry.completed_at) == ("completed", 1250, host.clock())
    await until(lambda: host.changes() == ["pending", "running", "completed"])


@pytest.mark.parametrize(
    ("task", "target", "why"),
    [
        ("fail", "planner", "the model does not answer"),
        ("break", "planner", "an internal error: RuntimeError"),
        ("go on", "sleeper", "the agent sleeper is stopped"),
    ],
)
async def test_a_failure_is_an_answer_that_says_why(task: str, target: str, why: str, host: Host) -> None:
    done = await host.delegate(task, target=target)
    assert (done.status, done.content) == ("failed", why)
    assert await host.history() == [(target, "failed")]
    assert await host.system.ask("delegation", ListActive()) == ()


async def test_without_a_target_the_rules_choose_and_without_a_rule_the_asker_s_agent_does_it(
    host: Host,
) -> None:
    await host.rules(DelegationRule("reviews", "code-*|review", "planner"))
    assert (await host.delegate("look at it", tool_name="code-review")).target == "planner"
    assert (await host.delegate("look at it", tool_name="cooking")).target == "general-agent"


async def test_the_first_rule_that_fits_wins(host: Host) -> None:
    await host.rules(
        DelegationRule("late", "*", "late", priority=5),
        DelegationRule("off", "*", "off", priority=-1, enabled=False),
        DelegationRule("simple", "code-*", "small", complexity_threshold=0.3, priority=1),
        DelegationRule("b", "code-*", "second", priority=2),
        DelegationRule("a", "code-*", "first", priority=2),
    )

    async def chosen(task: str, complexity: float) -> Choice | None:
        return await host.system.ask("delegation", ChooseTarget(task, complexity))

    assert await chosen("code-review", 0.3) == Choice("small", "simple")
    assert await chosen("code-review", 0.31) == Choice("first", "a")
    assert await chosen("cooking", 0.0) == Choice("late", "late")
    names = [rule.name for rule in await host.system.ask("delegation", ListRules())]
    assert names == ["off", "simple", "a", "b", "late"]


async def test_a_rule_is_replaced_by_its_name_and_can_be_deleted(host: Host) -> None:
    await host.rules(DelegationRule("one", "a", "x"), DelegationRule("one", "b", "y", 0.5, False, 7))
    assert await host.system.ask("delegation", ListRules()) == (
        DelegationRule("one", "b", "y", 0.5, False, 7),
    )
    await host.system.ask("delegation", DeleteRule("one"))
    assert await host.system.ask("delegation", ListRules()) == ()
    with pytest.raises(NotFound, match="one"):
        await host.system.ask("delegation", DeleteRule("one"))


async def test_a_task_is_not_handed_on_for_ever(host: Host) -> None:
    with pytest.raises(Conflict, match="3 times"):
        await host.delegate("again", depth=MAX_DEPTH)
    assert await host.history() == []


async def test_a_delegation_that_takes_too_long_is_cancelled_and_failed(tmp_path: Path, host: Host) -> None:
    host.delegation.halt()
    await host.delegation.stopped(5)
    host.start(time_limit=0.05)
    done = await host.delegate("wait", target="planner")
    assert (done.status, done.content) == ("failed", "it was not done within 0.05 seconds")
    assert host.sessions.cancelled == [host.sessions.sent[0].key]


async def test_whoever_gives_up_cancels_the_child_s_turn(host: Host) -> None:
    reply = host.delegate("wait", target="planner")
    await until(lambda: host.sessions.sent)
    reply.cancel()
    await until(lambda: "failed" in host.changes())
    assert host.sessions.cancelled == [host.sessions.sent[0].key]
    assert await host.history() == [("planner", "failed")]
    assert await host.system.ask("delegation", ListActive()) == ()


async def test_after_a_restart_nothing_is_running(host: Host) -> None:
    reply = host.delegate("wait", target="planner")
    await until(lambda: host.sessions.sent)
    # As kill -9 leaves it: the row says running and nobody is there.
    leaving = host.store.end
    host.store.end = lambda *_: Reply.of(None)  # type: ignore[method-assign]  # the store that dies first
    host.delegation.halt()
    await host.delegation.stopped(5)
    host.store.end = leaving  # type: ignore[method-assign]
    assert await host.store.history("", "", 0, 1)
    host.start()
    assert await host.history() == [("planner", "failed")]
    assert host.changes()[-1] == "failed"
    assert reply.done()


class FullDisk(DelegationStore):
    def begin(self, *_: Any, **__: Any) -> Reply[None]:
        return Reply.failed(StorageFull("no room"))


async def test_nothing_is_begun_that_cannot_be_recorded(host: Host) -> None:
    host.delegation.halt()
    await host.delegation.stopped(5)
    host.start(FullDisk)
    with pytest.raises(StorageFull):
        await host.delegate("go on", target="planner")
    assert host.sessions.sent == []
    assert host.changes() == []


class FullLater(DelegationStore):
    """Takes the beginning of a delegation, and its end only when there is room."""

    full = True

    def end(self, *given: Any) -> Reply[None]:
        return Reply.failed(StorageFull("no room")) if self.full else super().end(*given)


async def test_an_end_that_cannot_be_recorded_is_told_and_is_recorded_when_there_is_room(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawft.actors.insist.PAUSE", 0.01)
    monkeypatch.setattr("clawft.actors.delegation.PATIENCE", 0.05)
    host.delegation.halt()
    await host.delegation.stopped(5)
    host.start(FullLater)
    assert (await host.delegate("go on", target="planner")).status == "completed"
    assert await host.history() == [("planner", "running")]
    assert host.changes() == ["pending", "running"]
    monkeypatch.setattr(FullLater, "full", False)
    await until(lambda: host.changes() == ["pending", "running", "completed"])
    assert await host.history() == [("planner", "completed")]
    assert await host.system.ask("delegation", ListActive()) == ()


async def test_the_history_is_filtered_by_parts_of_words_and_paged_newest_first(host: Host) -> None:
    for number, target in enumerate(("claude-sonnet-4", "planner", "claude-opus-4", "100%")):
        host.clock.forward(seconds=1)
        await host.system.ask("delegation", Delegate(f"sess-{number % 2}", "go", target=target))
    targets = ["100%", "claude-opus-4", "planner", "claude-sonnet-4"]
    assert [target for target, _ in await host.history()] == targets
    assert [target for target, _ in await host.history(target="claude")] == [
        "claude-opus-4",
        "claude-sonnet-4",
    ]
    assert [target for target, _ in await host.history(target="%")] == ["100%"]
    assert [target for target, _ in await host.history(session="ss-1")] == ["100%", "planner"]
    page = await host.system.ask("delegation", GetHistory(offset=1, limit=2))
    assert ([entry.target for entry in page.items], page.total, page.limit, page.offset) == (
        targets[1:3],
        4,
        2,
        1,
    )


async def test_many_delegations_are_under_way_at_once(host: Host) -> None:
    replies = [host.delegate("wait", target="planner") for _ in range(50)]
    await until(lambda: len(host.sessions.sent) == 50)
    host.sessions.gate.set()
    assert {(await reply).status for reply in replies} == {"completed"}


def call(**arguments: Any) -> ToolCall:
    return ToolCall("delegate_task", arguments, "sess-1", "general-agent", "call-1", 1)


async def test_the_tool_answers_with_what_the_other_one_said(host: Host) -> None:
    result = await DelegateTask(host.system).run(call(task="plan", target="planner"))
    assert (result.content, result.is_error) == ("done: plan", False)
    assert host.sessions.opened[0].depth == 2


async def test_the_tool_says_so_when_it_was_not_done(host: Host) -> None:
    result = await DelegateTask(host.system).run(call(task="fail", target="planner", kind="cooking"))
    assert (result.content, result.is_error) == ("planner did not do it: the model does not answer", True)
    (entry,) = (await host.system.ask("delegation", GetHistory())).items
    assert entry.tool_name == "cooking"


async def test_cancelling_the_tool_cancels_the_child_s_turn(host: Host) -> None:
    running = asyncio.ensure_future(DelegateTask(host.system).run(call(task="wait", target="planner")))
    await until(lambda: host.sessions.sent)
    running.cancel()
    await until(lambda: host.sessions.cancelled)
