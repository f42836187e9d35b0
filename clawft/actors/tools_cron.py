"""The tool with which an agent looks at cron jobs and changes them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.cron import CronJob
from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.values import MAX_CONTENT, UNSET
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.errors import Invalid
from clawft.messages.cron import CreateJob, DeleteJob, GetJob, ListJobs, RunJob, UpdateJob
from clawft.runtime import System

Action = Literal["list", "show", "add", "change", "remove", "run"]


class CronArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Look at scheduled jobs, or add, change, remove or run one."""

    action: Action
    id: Annotated[str, Meta(max_length=100, description="Of the job: for show, change, remove and run")] = ""
    name: Annotated[str, Meta(max_length=100, description="For add")] = ""
    schedule: Annotated[
        str,
        Meta(max_length=200, description="Like 0 9 * * 1-5, every 10 minutes, or once at 2026-12-01T09:00"),
    ] = ""
    timezone: Annotated[str, Meta(max_length=64, description="Like Europe/Berlin; without it UTC")] = ""
    message: Annotated[
        str, Meta(max_length=MAX_CONTENT, description="What is said to the agent when the job runs")
    ] = ""
    enabled: bool | None = None


class CronTool:
    """What it changes runs later on, by itself, so it is marked as lasting."""

    spec = replace(spec_of("cron", CronArguments, effect="write", timeout=20.0), is_lasting=True)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, CronArguments)
        ask = self._system.ask
        match wanted.action:
            case "list":
                jobs = await ask("cron", ListJobs())
                return ToolResult("\n".join(map(_line, jobs)) or "there are no jobs")
            case "show":
                job = await ask("cron", GetJob(_id(wanted)))
                return ToolResult(msgspec.json.format(msgspec.json.encode(job), indent=1).decode())
            case "add":
                return ToolResult(f"added: {_line(await ask('cron', self._new(wanted, call)))}")
            case "change":
                return ToolResult(f"changed: {_line(await ask('cron', self._changed(wanted)))}")
            case "remove":
                await ask("cron", DeleteJob(_id(wanted)))
                return ToolResult(f"{wanted.id} is removed")
            case "run":
                await ask("cron", RunJob(_id(wanted)))
                return ToolResult(f"{wanted.id} is started")

    def _new(self, wanted: CronArguments, call: ToolCall) -> CreateJob:
        if not wanted.name or not wanted.schedule:
            raise Invalid("a job needs a `name` and a `schedule`")
        payload = msgspec.json.encode({"message": wanted.message, "agent": call.agent_id}).decode()
        return CreateJob(
            wanted.name,
            wanted.schedule,
            wanted.enabled is not False,
            wanted.timezone or "UTC",
            payload if wanted.message else UNSET,
        )

    def _changed(self, wanted: CronArguments) -> UpdateJob:
        return UpdateJob(
            _id(wanted),
            wanted.name or UNSET,
            wanted.schedule or UNSET,
            UNSET if wanted.enabled is None else wanted.enabled,
            wanted.timezone or UNSET,
            wanted.message or UNSET,
        )


def _id(wanted: CronArguments) -> str:
    if not wanted.id:
        raise Invalid(f"`{wanted.action}` needs the `id` of a job; `list` shows them")
    return wanted.id


def _line(job: CronJob) -> str:
    state = "" if job.enabled else " (disabled)"
    return f"{job.id} {job.name}: {job.schedule}{state}"
