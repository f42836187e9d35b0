"""`clawft cron`: jobs that run by the clock."""

import click
import msgspec
from msgspec import UNSET

from clawft.cli.command import asks_host
from clawft.cli.show import Show, cell
from clawft.client import Client
from clawft.domain.cron import Moment, Policy
from clawft.errors import Invalid
from clawft.messages.cron import (
    CreateJob,
    DeleteJob,
    GetJob,
    ListJobRuns,
    ListJobs,
    PreviewSchedule,
    RunJob,
)


@click.group()
def cron() -> None:
    """Jobs that run by the clock."""


@cron.command("list")
@asks_host
async def list_jobs(host: Client, show: Show) -> None:
    """Every job, by name."""
    columns = ("id", "name", "schedule", "timezone", "enabled", "status", "last_run", "next_run")
    show.rows(await host.ask(ListJobs()), *columns, empty="no jobs")


@cron.command("add")
@click.argument("name")
@click.argument("schedule")
@click.argument("message", required=False)
@click.option("--timezone", default="UTC", show_default=True, help="Where the schedule is read.")
@click.option("--disabled", is_flag=True, help="Keep it, but do not run it.")
@click.option(
    "--policy",
    multiple=True,
    metavar="NAME=VALUE",
    help="What it does when things go wrong, like missed=all or overlap=queue; may be given again.",
)
@asks_host
async def add(
    host: Client,
    show: Show,
    name: str,
    schedule: str,
    message: str | None,
    timezone: str,
    disabled: bool,
    policy: tuple[str, ...],
) -> None:
    """Add a job that sends MESSAGE: `clawft cron add stand-up "every monday at 09:30" "What is planned?"`

    SCHEDULE has five fields, like "0 9 * * 1-5", or is in words, like "every 10 minutes"
    or "once at 2026-12-01T09:00".
    """
    payload = UNSET if message is None else message
    job = await host.ask(CreateJob(name, schedule, not disabled, timezone, payload, policy_from(policy)))
    show.done(job, job.id)


@cron.command("rm")
@click.argument("id")
@asks_host
async def remove(host: Client, show: Show, id: str) -> None:
    """Forget a job; a run under way is stopped."""
    show.done(await host.ask(DeleteJob(id)), f"{id} is gone")


@cron.command("run")
@click.argument("id")
@asks_host
async def run(host: Client, show: Show, id: str) -> None:
    """Start a run now, whatever the schedule says."""
    show.done(await host.ask(RunJob(id)), f"{id} runs")


@cron.command("show")
@click.argument("id")
@asks_host
async def show_job(host: Client, show: Show, id: str) -> None:
    """A job, its schedule in plain English, and its next five times."""
    job = await host.ask(GetJob(id))
    if show.as_json:
        show.json(job)
        return
    show.card(msgspec.structs.replace(job, next_runs=()))
    print_moments(job.next_runs)


@cron.command("preview")
@click.argument("schedule")
@click.option("--timezone", default="UTC", show_default=True, help="Where the schedule is read.")
@asks_host
async def preview(host: Client, show: Show, schedule: str, timezone: str) -> None:
    """What SCHEDULE means, and its next five times. Nothing is kept."""
    seen = await host.ask(PreviewSchedule(schedule, timezone))
    if show.as_json:
        show.json(seen)
        return
    click.echo(seen.reading)
    print_moments(seen.next_runs)


@cron.command("runs")
@click.argument("id")
@click.option("--limit", default=20, show_default=True, help="How many to show.")
@click.option("--offset", default=0, help="How many of the newest to leave out.")
@asks_host
async def runs(host: Client, show: Show, id: str, limit: int, offset: int) -> None:
    """What became of a job's slots, newest first."""
    page = await host.ask(ListJobRuns(id, limit, offset))
    if show.as_json:
        show.json(page)
        return
    columns = ("slot", "state", "started_at", "ended_at", "attempt", "cost_usd", "detail")
    show.rows(page.items, *columns, empty="no runs")


def policy_from(words: tuple[str, ...]) -> Policy:
    """``("missed=all", "jitter=30")`` as a policy; ``Invalid`` names what is none."""
    members: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in Policy.__struct_fields__:
            raise Invalid(f"{word!r} is no part of a policy: {', '.join(Policy.__struct_fields__)}")
        members[name] = value
    try:
        return msgspec.convert(members, Policy, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"the policy is wrong: {error}") from error


def print_moments(moments: tuple[Moment, ...]) -> None:
    for moment in moments:
        click.echo(f"{cell(moment.utc)} UTC   {moment.local.isoformat(' ', 'seconds')}")
    if not moments:
        click.echo("never again")
