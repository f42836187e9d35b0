"""`clawft watch`: events as they happen, a JSON line each."""

import click
import msgspec

from clawft.cli.command import asks_host
from clawft.cli.show import Show, printable
from clawft.client import Client


@click.command()
@click.argument("topics", nargs=-1, required=True)
@asks_host
async def watch(host: Client, show: Show, topics: tuple[str, ...]) -> None:
    """Print the frames of TOPICS, like agent:status or sessions:KEY, until interrupted."""
    async with host.frames(*topics) as frames:
        async for frame in frames:
            line = msgspec.json.encode(frame).decode()
            click.echo(line if show.as_json else printable(line))
