"""`clawft service`: the host as a systemd unit."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from clawft.errors import ClawftError

NAME = "clawft.service"
UNIT = """[Unit]
Description=clawft, a self-hosted agent host
After=network.target sound.target

[Service]
Type=notify
ExecStart={command}
Restart=on-failure
RestartSec=2
# 78: the configuration is wrong; starting it again would not help.
RestartPreventExitStatus=78
WatchdogSec=30
TimeoutStopSec=15
LimitNOFILE=65536
LimitRTPRIO=20
UMask=0077
NoNewPrivileges=yes
{hardening}
[Install]
WantedBy={target}
"""
# Sandboxes of tools need user namespaces, so RestrictNamespaces is not set.
SYSTEM_HARDENING = """User={user}
StateDirectory=clawft
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ReadWritePaths={data}
"""


@click.group()
def service() -> None:
    """The host as a systemd unit: of this user, or with --system of the machine."""


system_option = click.option(
    "--system", "is_system", is_flag=True, help="Of the machine, not of this user; takes root."
)


@service.command("install")
@system_option
@click.option("--user", "account", default="clawft", show_default=True, help="With --system: who it runs as.")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where everything is kept."
)
@click.option("--print", "only_print", is_flag=True, help="Show the unit and install nothing.")
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED)
def install(
    is_system: bool, account: str, data_dir: Path | None, only_print: bool, serve_options: tuple[str, ...]
) -> None:
    """Write the unit. Options for `clawft serve` go after `--`."""
    text = unit(is_system=is_system, account=account, data_dir=data_dir, options=serve_options)
    if only_print:
        click.echo(text, nl=False)
        return
    path = place(is_system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise ClawftError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path}")
    run(is_system, "daemon-reload")
    scope = "" if is_system else "--user "
    click.echo(f"start it, now and at every boot: systemctl {scope}enable --now clawft")
    if not is_system:
        click.echo("keep it running while you are logged out: loginctl enable-linger")


@service.command("uninstall")
@system_option
def uninstall(is_system: bool) -> None:
    """Stop it and remove the unit; its data stays."""
    path = place(is_system)
    if not path.exists():
        raise ClawftError(f"there is no {path}")
    run(is_system, "disable", "--now", "clawft")
    path.unlink()
    run(is_system, "daemon-reload")
    click.echo(f"removed {path}")


@service.command("status")
@system_option
def status(is_system: bool) -> None:
    """What systemd says of it."""
    path = place(is_system)
    click.echo(f"{path} is {'there' if path.exists() else 'not there'}")
    run(is_system, "status", "--no-pager", "clawft")


def unit(*, is_system: bool, account: str, data_dir: Path | None, options: tuple[str, ...]) -> str:
    data = data_dir or (Path("/var/lib/clawft") if is_system else None)
    program = Path(sys.executable).with_name("clawft")
    where = ("--data-dir", str(data)) if data else ()
    command = shlex.join((str(program), "serve", *where, *options)).replace("%", "%%")
    hardening = SYSTEM_HARDENING.format(user=account, data=data) if is_system else ""
    target = "multi-user.target" if is_system else "default.target"
    return UNIT.format(command=command, hardening=hardening, target=target)


def place(is_system: bool) -> Path:
    if is_system:
        return Path("/etc/systemd/system") / NAME
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd" / "user" / NAME


def run(is_system: bool, *arguments: str) -> None:
    """Have systemd do it, where there is one."""
    if shutil.which("systemctl") is None:
        click.echo("systemctl is not here, so nothing was told to systemd", err=True)
        return
    subprocess.run(["systemctl", *(() if is_system else ("--user",)), *arguments], check=False)  # noqa: S603, S607
