"""`clawft mcp`: a host's tools and agents for programs that start servers of tools themselves."""

import asyncio
from typing import Any

import click

from clawft import __version__
from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import DEFAULT_URL, Client
from clawft.errors import Unavailable
from clawft.messages.mcp import ListMcpServers


@click.group(invoke_without_command=True)
@click.option(
    "--url", envvar="CLAWFT_URL", default=DEFAULT_URL, show_default=True, help="The host's address."
)
@click.option(
    "--token", envvar="CLAWFT_TOKEN", help="A token; without one, one is minted on the same machine."
)
@click.pass_context
def mcp(context: click.Context, url: str, token: str | None) -> None:
    """Speak the Model Context Protocol over standard input and output, for a host that runs.

    Whatever starts such servers (an editor, another agent) is told: clawft mcp
    """
    if context.invoked_subcommand is None:
        asyncio.run(serve(url, token))


@mcp.command("servers")
@asks_host
async def servers(host: Client, show: Show) -> None:
    """The servers of tools that the host itself uses."""
    show.rows(
        await host.ask(ListMcpServers()),
        "name",
        "kind",
        "state",
        "tools",
        "connections",
        "last_error",
        empty="none are set",
    )


async def serve(url: str, token: str | None) -> None:
    """Hand on each request to the host's own endpoint."""
    try:
        import httpx2
        from mcp import Client as McpClient
        from mcp.client.streamable_http import streamable_http_client
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ImportError:
        raise Unavailable("the package mcp is not installed: pip install 'clawft[mcp]'") from None
    async with Client(url, token=token) as ours:
        bearer = await ours.token()
        headers = {"Authorization": f"Bearer {bearer}"}
        http = httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(330, connect=5), trust_env=False)
        async with http, McpClient(streamable_http_client(f"{ours.url}/mcp", http_client=http)) as host:

            async def list_tools(_: Any, __: Any) -> Any:
                return await host.list_tools()

            async def call_tool(_: Any, params: Any) -> Any:
                return await host.call_tool(params.name, dict(params.arguments or {}))

            server = Server("clawft", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)
            async with stdio_server() as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())
