"""`clawft serve`: runs the host until it is told to stop."""

import asyncio
import errno
import logging
import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from clawft import log
from clawft.app import App, Options
from clawft.cli.exits import OK
from clawft.cli.signals import Signals, leave
from clawft.drivers.systemd import Supervisor
from clawft.errors import ClawftError
from clawft.folders import data_folder
from clawft.pace import set_pace

logger = logging.getLogger(__name__)

FILES = 65_536
"""Open files we ask for: each connection is one, and the usual limit is 1,024."""

folder = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=18789, show_default=True, help="0: any free one."
)
@click.option(
    "--data-dir", type=folder, help="Where everything is kept; else CLAWFT_HOME, else the state folder."
)
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="Else config.json in the data folder."
)
@click.option("--ui-dir", type=folder, help="A built dashboard to serve at /.")
@click.option("--log-level", type=click.Choice(log.LEVELS), default="info", show_default=True)
@click.option(
    "--safe-mode",
    type=click.Choice(("auto", "on", "off")),
    default="auto",
    show_default=True,
    help="Resume nothing, fire nothing; auto: after it died again and again.",
)
@click.option("--log-format", type=click.Choice(log.FORMATS), help="Else colours on a terminal, or logfmt.")
@click.option("--allow-remote", is_flag=True, help="Listen beyond this machine; needs --allowed-host.")
@click.option("--allowed-host", "allowed_hosts", multiple=True, help="A name this host may be called by.")
def serve(
    host: str,
    port: int,
    data_dir: Path | None,
    config: Path | None,
    ui_dir: Path | None,
    log_level: log.Level,
    safe_mode: Literal["auto", "on", "off"],
    log_format: log.Format | None,
    allow_remote: bool,
    allowed_hosts: Sequence[str],
) -> int:
    """Run the host until SIGTERM or Ctrl-C; a second one stops it at once. SIGUSR1 shows what it is doing."""
    log.set_up(log_level, format=log_format)
    warn_root()
    raise_file_limit()
    options = Options(
        host=host,
        port=port,
        data_dir=data_folder(data_dir),
        config=config,
        ui_dir=ui_dir,
        log_level=log_level,
        allow_remote=allow_remote,
        allowed_hosts=tuple(allowed_hosts),
        safe_mode=safe_mode,
    )
    return asyncio.run(run(options))


async def run(options: Options) -> int:
    """Start, wait for a signal, stop."""
    app = App(options)
    signals = Signals(app)
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        raise ClawftError(why_not_started(error, options)) from error
    except BaseException:
        await app.stop()
        raise
    set_pace()
    announce(app)
    supervisor = Supervisor()
    supervisor.ready()
    watching = asyncio.ensure_future(supervisor.watch())
    await signals.stop_wanted.wait()
    watching.cancel()
    supervisor.stopping()
    left = await app.stop()
    if left:  # their threads would keep the process, and all that was acknowledged is on the disk
        logger.error("these did not stop in time and end with the process: %s", ", ".join(left))
        leave(OK)
    return OK


def announce(app: App) -> None:
    click.echo(f"clawft listens on {app.url}")
    click.echo(f"  data    {app.data_dir}")
    click.echo(f"  token   curl -X POST {app.url}/api/auth/token    (or: clawft token create)")
    click.echo("  talk    clawft chat")
    click.echo("  stop    Ctrl-C")


def why_not_started(error: OSError, options: Options) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {options.port} is taken; is a host running already? Another one: clawft serve --port 0"
    return f"cannot start: {error.strerror or error}"


def warn_root() -> None:
    if os.geteuid() == 0:
        click.secho(
            "WARNING: running as root. Whatever an agent's tools may do, they may do as root. "
            "Make a user for this, except in a container.",
            fg="red",
            bold=True,
            err=True,
        )


def raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
