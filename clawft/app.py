"""The app: builds everything, from the store up to the server, starts it and stops it again."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from clawft.actors.accounts import Accounts
from clawft.actors.actors import Actors
from clawft.actors.agents import Agents
from clawft.actors.approvals import Approvals
from clawft.actors.audit import Audit
from clawft.actors.budgets import BudgetGuard, Budgets
from clawft.actors.canvas import Canvas
from clawft.actors.channels import Channels
from clawft.actors.clock import utc_now
from clawft.actors.config import Config
from clawft.actors.cron import TICK, Cron
from clawft.actors.delegation import Delegation
from clawft.actors.door import Door
from clawft.actors.events import Events
from clawft.actors.leave import LeaveGuard
from clawft.actors.ledger import Ledger
from clawft.actors.mcp import Mcp
from clawft.actors.memory import Memory
from clawft.actors.monitor import Monitor
from clawft.actors.outbox import LOOK_EVERY, Outbox
from clawft.actors.pressure import MemoryWatch
from clawft.actors.processes import Processes
from clawft.actors.retention import Retention
from clawft.actors.sessions import spawn_sessions
from clawft.actors.skills import Skills
from clawft.actors.tokens import Tokens
from clawft.actors.tools import Tools
from clawft.actors.tools_canvas import RenderUi
from clawft.actors.tools_cron import CronTool
from clawft.actors.tools_delegate import DelegateTask
from clawft.actors.tools_memory import MemoryDelete, MemoryRead, MemoryWrite
from clawft.actors.tools_message import MessageTool
from clawft.actors.tools_results import ReadResultTool
from clawft.actors.tools_search import WebSearchTool
from clawft.actors.tools_skill import SkillReadTool
from clawft.actors.tools_spawn import SpawnTool
from clawft.actors.tools_voice import voice_tools
from clawft.actors.voice import Voice
from clawft.domain.config import LimitsConfig, McpConfig
from clawft.domain.events import ActorHappened
from clawft.drivers.agent_files import AgentFolder
from clawft.drivers.archive import take_pending
from clawft.drivers.audio.card import SoundCard
from clawft.drivers.config_file import ConfigFile
from clawft.drivers.memory_size import memory_bytes
from clawft.drivers.models.registry import Models
from clawft.drivers.secrets import KeyFile, bootstrap_secret
from clawft.drivers.starts import Starts
from clawft.drivers.tools.base import Tool
from clawft.drivers.tools.sandbox import why_no_sandbox
from clawft.drivers.tools.shell import ExecShellTool, Shell
from clawft.drivers.tools.web import Fetcher
from clawft.drivers.tools.workspace import Workspace
from clawft.drivers.webhook import Webhook
from clawft.messages.agents import ListAgents
from clawft.messages.approvals import ListApprovals
from clawft.messages.canvas import GetCanvas
from clawft.messages.channels import ListChannels
from clawft.messages.config import GetConfig
from clawft.messages.cron import ListJobs
from clawft.messages.delegation import ListActive
from clawft.messages.events import Publish
from clawft.messages.models import ListProviders
from clawft.messages.outbox import ListDeliveries
from clawft.messages.sessions import CloseSessions, CountSessions
from clawft.messages.tokens import ListTokens, TokenEnded
from clawft.messages.voice import CloseVoice
from clawft.runtime import ActorEvent, Ask, NoSuchActor, System
from clawft.store.agents import AgentStore
from clawft.store.approvals import ApprovalStore
from clawft.store.audit import AuditStore
from clawft.store.canvas import CanvasStore
from clawft.store.channels import ChannelStore
from clawft.store.cron import CronStore
from clawft.store.database import FILE_NAME
from clawft.store.delegations import DelegationStore
from clawft.store.events import EventStore
from clawft.store.folder import prepare_folder
from clawft.store.lock import LOCK_NAME
from clawft.store.memory import MemoryStore
from clawft.store.outbox import OutboxStore
from clawft.store.retention import RetentionStore
from clawft.store.sessions import SessionStore
from clawft.store.settings import SettingsStore
from clawft.store.skills import SkillStore
from clawft.store.store import Store
from clawft.store.tokens import TokenStore
from clawft.store.usage import UsageStore
from clawft.web.server import Server, check_binding

log = logging.getLogger(__name__)

READY = 30.0
"""Seconds the actors have to come up. A store of a million messages takes a few."""

QUESTIONS: tuple[tuple[str, Ask[Any]], ...] = (
    ("config", GetConfig()),
    ("models", ListProviders()),
    ("tokens", ListTokens()),
    ("sessions", CountSessions()),
    ("agents", ListAgents()),
    ("canvas", GetCanvas()),
    ("approvals", ListApprovals(limit=1)),
    ("channels", ListChannels()),
    ("delegation", ListActive()),
    ("cron", ListJobs()),
    ("outbox", ListDeliveries(limit=1)),
)
"""What an actor answers only once its start is over."""


@dataclass(frozen=True)
class Options:
    """How a host is started."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 18789
    """0: any free one."""
    config: Path | None = None
    """None: ``config.json`` in the data folder."""
    ui_dir: Path | None = None
    log_level: str = "info"
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()
    safe_mode: Literal["auto", "on", "off"] = "auto"


def restore_pending(folder: Path) -> None:
    """Take what `clawft restore` has laid ready while a host ran."""
    if (aside := take_pending(folder)) is not None:
        log.warning("a backup was put in place; what was there before is in %s", aside)


class App:
    """One host. ``start`` it on an event loop, then ``stop`` it there, whether the start went well or not."""

    def __init__(self, options: Options, *, models: Models | None = None) -> None:
        self.options = options
        self.data_dir = options.data_dir
        self.system = System("clawft")
        self._models = models or Models()
        self._store: Store | None = None
        self._server: Server | None = None
        self._began = time.monotonic()
        self._safe = ""
        self._starts: Starts
        # These outlive a restart of the actor that is given them.
        self._config_watchers: set[str] = set()
        self._token_listeners: list[Callable[[TokenEnded], None]] = []

    @property
    def url(self) -> str:
        """Where its API is, once it has started."""
        assert self._server is not None, "the app has not started"
        return self._server.url

    async def start(self) -> None:
        """Ready when it returns.

        Raises ``UsageError`` for what the operator must put right, OSError when the port is taken.
        """
        options, folder = self.options, self.data_dir
        self.system.attach()
        prepare_folder(folder, signs=(LOCK_NAME, FILE_NAME))
        config = ConfigFile(options.config or folder / "config.json")
        self._starts = Starts(folder / "starts.json")
        self._safe = self._why_safe(config.look().limits)
        self._store = Store.open(self.system, folder, prepare=restore_pending)  # locks the folder
        self._starts.begin(safe=bool(self._safe))
        secret = bootstrap_secret(folder / "secret")
        check_binding(
            options.host,
            allow_remote=options.allow_remote,
            allowed_hosts=options.allowed_hosts,
            has_secret=True,
        )
        self._spawn(self._store, config, secret)
        await self._ready()
        self._serve(local_trust=config.load().auth.local_trust)
        self.system.on_event.append(self._publish)

    def _why_safe(self, limits: LimitsConfig) -> str:
        """Why nothing is resumed and nothing fired this time; empty: it is a start like any other."""
        if self.options.safe_mode == "off":
            return ""
        if self.options.safe_mode == "on":
            return "safe mode, as asked: nothing is resumed and no job or delivery is started"
        crashes = self._starts.crashes(timedelta(minutes=limits.crash_minutes), datetime.now(UTC))
        if crashes < limits.crashes:
            return ""
        why = (
            f"safe mode: the host died {crashes} times in {limits.crash_minutes} minutes; nothing is resumed "
            "and no job or delivery is started. Stop it in an orderly way to leave"
        )
        log.error("%s", why)
        return why

    def _spawn(self, store: Store, config: ConfigFile, secret: str) -> None:
        """Every actor that lives at the top, each after those it asks while it starts."""
        spawn, folder = self.system.spawn, self.data_dir
        spawn(Events, "events", store=EventStore(store))
        spawn(
            Config,
            "config",
            file=config,
            keys=KeyFile(folder / "secrets.json"),
            environment=os.environ,
            watchers=self._config_watchers,
        )
        spawn(Tokens, "tokens", store=TokenStore(store), secret=secret, listeners=self._token_listeners)
        spawn(Audit, "audit", store=AuditStore(store))
        spawn(Memory, "memory", store=MemoryStore(store))
        spawn(Canvas, "canvas", store=CanvasStore(store))
        spawn(Channels, "channels", store=ChannelStore(store))
        spawn(Skills, "skills", store=SkillStore(store), folder=folder / "skills", keys=folder / "keys")
        spawn(Accounts, "models")
        workspace, limits, mcp = self._workspace(), config.look().limits, config.look().mcp
        shell = self._shell(limits.exec)
        if shell is not None:
            spawn(Processes, "processes", shell=shell)
        fetcher = Fetcher(limits.fetch)
        tools = (*self._tools(), *voice_tools(self.system, workspace), *self._shell_tools(shell))
        spawn(Tools, "tools", workspace=workspace, fetcher=fetcher, tools=tools)
        spawn(Mcp, "mcp", config=McpConfig() if self._safe else mcp, mark=str(folder))
        approvals = ApprovalStore(store)
        ledger = Ledger(UsageStore(store), SettingsStore(store), utc_now)
        guards = (LeaveGuard(self.system, approvals), BudgetGuard(self.system, ledger))
        spawn_sessions(self.system, store, self._models, guards=guards, rules=True, resume=not self._safe)
        spawn(Approvals, "approvals", store=approvals)
        spawn(Budgets, "budgets", ledger=ledger)
        spawn(
            Agents,
            "agents",
            store=AgentStore(store),
            sessions=SessionStore(store),
            folder=AgentFolder(folder / "agents"),
        )
        spawn(Door, "door", sessions=SessionStore(store))
        spawn(Delegation, "delegation", store=DelegationStore(store), resume=not self._safe)
        webhook_secret = bootstrap_secret(folder / "webhook-secret")
        spawn(
            Outbox,
            "outbox",
            store=OutboxStore(store),
            poster=Webhook(webhook_secret),
            secret=webhook_secret,
            look_every=None if self._safe else LOOK_EVERY,
        )
        spawn(Cron, "cron", store=CronStore(store), tick=None if self._safe else TICK)
        spawn(Retention, "retention", store=RetentionStore(store))
        spawn(MemoryWatch, "pressure", limit=limits.memory_mb << 20 or memory_bytes() * 4 // 5)
        spawn(Voice, "voice", store=SettingsStore(store), card=SoundCard(), wake=folder / "wake")
        spawn(
            Monitor,
            "monitor",
            store=store,
            began=self._began,
            safe_mode=self._safe,
            starts=self._starts.count,
        )
        spawn(Actors, "actors")

    def _workspace(self) -> Workspace:
        folder = self.data_dir / "workspace"
        folder.mkdir(mode=0o700, exist_ok=True)
        return Workspace(folder)

    def _tools(self) -> Iterator[Tool]:
        for kind in (
            MemoryRead,
            MemoryWrite,
            MemoryDelete,
            RenderUi,
            DelegateTask,
            ReadResultTool,
            WebSearchTool,
            MessageTool,
            CronTool,
            SkillReadTool,
        ):
            yield kind(self.system)

    def _shell(self, where: str) -> Shell | None:
        """What runs commands; None where they are switched off, or there is no sandbox to run them in."""
        if where == "off":
            return None
        if where == "sandbox" and (why := why_no_sandbox()):
            log.warning("exec_shell and spawn are not there: %s", why)
            return None
        return Shell(self.data_dir / "workspace", confined=where == "sandbox")

    def _shell_tools(self, shell: Shell | None) -> Iterator[Tool]:
        if shell is not None:
            yield ExecShellTool(shell)
            yield SpawnTool(self.system)

    async def _ready(self) -> None:
        """Every actor has started, or the failure of the one that has not is raised."""
        await asyncio.gather(*(self._asked(name, question) for name, question in QUESTIONS))

    async def _asked(self, name: str, question: Ask[Any]) -> None:
        await self.system.ask(name, question, timeout=READY)

    def _serve(self, *, local_trust: bool) -> None:
        server = Server(
            self.system,
            host=self.options.host,
            port=self.options.port,
            ui_dir=self.options.ui_dir,
            allowed_hosts=self.options.allowed_hosts,
            local_trust=local_trust,
            notice=self._safe,
        )
        server.start()
        self._server = server
        self._token_listeners.append(server.token_ended)

    def _publish(self, event: ActorEvent) -> None:
        """Called on any thread. Starts and stops are everyday life of sessions; what went wrong is news."""
        if event.kind in ("failed", "restarted", "dead_letter") and not event.path.startswith("events"):
            self.system.tell("events", Publish(ActorHappened(event.kind, event.path, event.detail)))

    async def stop(self) -> tuple[str, ...]:
        """Refuse new work, end what runs, close the sockets, stop the actors.

        The answer: the paths of those that did not stop in time.
        """
        if self._publish in self.system.on_event:
            self.system.on_event.remove(self._publish)
        if self._server is not None:
            self._server.refuse_new_work()
        await self._stop_cron()
        await self._close_sessions()
        await self._close_voice()
        if self._server is not None:
            await self._server.stop()
        left = await self.system.shutdown(3.0)
        if self._store is not None:
            self._store.close()
            self._starts.end()
        return left

    async def _stop_cron(self) -> None:
        """First, while the store still takes it: its runs are cut off, and no job has failed for that."""
        with suppress(NoSuchActor):
            cron = self.system.find("cron")
            cron.halt("the host shuts down")
            await cron.stopped(1.0)

    async def _close_voice(self) -> None:
        try:
            await self.system.ask("voice", CloseVoice(), timeout=3.0)
        except Exception as error:
            log.warning("the voice device did not close: %s", error)

    async def _close_sessions(self) -> None:
        """Turns end as stopped by the host, while the store still takes what they have to say."""
        try:
            await self.system.ask("sessions", CloseSessions(), timeout=4.0)
        except Exception as error:
            log.warning("the sessions did not close: %s", error)
