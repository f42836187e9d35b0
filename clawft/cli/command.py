"""Commands that ask a running host: the options they share and how they are run."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import click

from clawft.cli.show import Show
from clawft.client import DEFAULT_URL, Client

P = ParamSpec("P")


def asks_host(command: Callable[Concatenate[Client, Show, P], Awaitable[None]]) -> Callable[..., None]:
    """Make a coroutine function that is given a client and an output into a click command's function."""

    @click.option(
        "--url", envvar="CLAWFT_URL", default=DEFAULT_URL, show_default=True, help="The host's address."
    )
    @click.option(
        "--token", envvar="CLAWFT_TOKEN", help="A token; without one, one is minted on the same machine."
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(command)
    def run(*args: Any, url: str, token: str | None, as_json: bool, **kwargs: Any) -> None:
        async def with_client() -> None:
            async with Client(url, token=token) as client:
                await command(client, Show(as_json), *args, **kwargs)

        asyncio.run(with_client())

    return run


def confirm(question: str, yes: bool) -> None:
    """Ask before something is gone for good; ``yes`` answers for a script."""
    if not yes:
        click.confirm(question, abort=True)


yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
