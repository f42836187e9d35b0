"""`clawft config`: the visible configuration of a host."""

from typing import BinaryIO

import click
import msgspec

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.domain.config import ConfigSaved
from clawft.errors import Invalid
from clawft.messages.config import GetConfig
from clawft.wire import Request


@click.group()
def config() -> None:
    """The visible configuration of a host; secrets are never shown."""


@config.command("get")
@asks_host
async def get(host: Client, show: Show) -> None:
    """Print the configuration as JSON, ready to be edited."""
    show.json(await host.ask(GetConfig()))


@config.command("set")
@click.argument("file", type=click.File("rb"))
@asks_host
async def set_config(host: Client, show: Show, file: BinaryIO) -> None:
    """Replace the configuration by the JSON in FILE; - reads standard input."""
    # The text itself, not what we understand of it: the host names what it does not know, we would lose it.
    request = Request("PUT", "/api/config", checked(file.read(), file.name), 20.0)
    saved = msgspec.json.decode(await host.send(request), type=ConfigSaved)
    waiting = f"; after a restart: {', '.join(saved.restart_needed)}" if saved.restart_needed else ""
    show.done(saved, f"the configuration is replaced{waiting}")


def checked(text: bytes, name: str) -> bytes:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Invalid(f"{name} is not JSON: {error}") from error
    return text
