"""A server of tools for the tests: ``python -m tests.mcp.server`` over stdio, ``… PORT`` over HTTP."""

import asyncio
import os
import sys
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
    names = ("echo", "fail", "slow", "die", "env")
    return types.ListToolsResult(
        tools=[types.Tool(name=name, description=f"Will {name}.", input_schema=TEXT) for name in names]
    )


async def call_tool(_: Any, params: Any) -> types.CallToolResult:
    text = str((params.arguments or {}).get("text", ""))
    if params.name == "die":
        os._exit(1)
    if params.name == "slow":
        await asyncio.sleep(float(text))
    said = os.environ.get(text, "nothing") if params.name == "env" else f"{params.name}: {text}"
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=said)], is_error=params.name == "fail"
    )


server = Server("tests", version="1", on_list_tools=list_tools, on_call_tool=call_tool)


async def over_stdio() -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def over_http(port: int) -> None:
    import uvicorn
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(server, stateless=True)
    app = Starlette(routes=[Mount("/", manager.handle_request)], lifespan=lambda _: manager.run())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        over_http(int(sys.argv[1]))
    else:
        asyncio.run(over_stdio())
