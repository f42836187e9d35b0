"""`clawft cron`: jobs that run by the clock."""

import click
from msgspec import UNSET

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.cron import CreateJob, DeleteJob, ListJobs, RunJob


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
@asks_host
async def add(
    host: Client, show: Show, name: str, schedule: str, message: str | None, timezone: str, disabled: bool
) -> None:
    """Add a job that sends MESSAGE: `clawft cron add stand-up "every monday at 09:30" "What is planned?"`

    SCHEDULE has five fields, like "0 9 * * 1-5", or is in words, like "every 10 minutes".
    """
    payload = UNSET if message is None else message
    job = await host.ask(CreateJob(name, schedule, not disabled, timezone, payload))
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
