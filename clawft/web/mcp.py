"""``/mcp``: our tools and agents for programs that speak the Model Context Protocol.

The official SDK speaks ASGI; what is here brings a request of Tornado to it and its answer back. No session
is kept between requests.
"""

import asyncio
import contextlib
import logging
from typing import Any

from clawft import __version__
from clawft.domain.approvals import policy_for
from clawft.errors import ClawftError, Unavailable
from clawft.messages.agents import ListAgents
from clawft.messages.config import GetConfig
from clawft.messages.sessions import CreateSession, OpenSession, SendMessage
from clawft.messages.tools import CallTool, ListTools
from clawft.runtime import System
from clawft.web.known import Known

log = logging.getLogger(__name__)

ASK_AGENT = "ask_agent"
AGENT_PATIENCE = 300.0
SESSION = "mcp"
"""The session on whose behalf tools are called."""
HIDDEN = frozenset(("delegate_task", "read_result", "spawn"))
"""Tools that make sense in a turn only."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "agent": {"type": "string", "description": "The id of an agent of this host"},
        "message": {"type": "string", "description": "What it is told or asked"},
        "session": {"type": "string", "description": "A session to go on in; without it a new one"},
    },
    "required": ["agent", "message"],
    "additionalProperties": False,
}


class Bridge:
    """The SDK's server, made at the first request: its import takes a second."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._manager: Any = None
        self._making = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        async with self._making:
            if self._manager is None:
                await self._start()
        await self._manager.handle_request(scope, receive, send)

    async def _start(self) -> None:
        try:
            make = await asyncio.to_thread(_imported)
        except ImportError:
            raise Unavailable("the package mcp is not installed: pip install 'clawft[mcp]'") from None
        manager = make(self)
        up = asyncio.Event()

        async def run() -> None:
            async with manager.run():
                up.set()
                await asyncio.Event().wait()

        self._running = asyncio.get_running_loop().create_task(run())
        await up.wait()
        self._manager = manager

    def close(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def tools(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Name, description and schema of each; those that a policy denies are not shown."""
        policies = (await self._system.ask("config", GetConfig())).tools.policies
        found = [
            (tool.name, tool.description, dict(tool.schema or {}))
            for tool in await self._system.ask("tools", ListTools())
            if policy_for(tool.name, policies) == "allow" and tool.name not in HIDDEN
        ]
        agents = ", ".join(agent.id for agent in await self._system.ask("agents", ListAgents()))
        return [
            *found,
            (ASK_AGENT, f"Ask an agent of this host and wait for its answer. There are: {agents}", _SCHEMA),
        ]

    async def call(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        """What it gives, and whether that is an error."""
        try:
            if name == ASK_AGENT:
                return await self._ask(arguments), False
            policies = (await self._system.ask("config", GetConfig())).tools.policies
            if policy_for(name, policies) != "allow" or name in HIDDEN:
                return f"{name} may not be called from outside a conversation; ask an agent instead", True
            result = await self._system.ask("tools", CallTool(name, arguments, SESSION, SESSION))
            return result.content, result.is_error
        except ClawftError as error:
            return str(error), True

    async def _ask(self, arguments: dict[str, Any]) -> str:
        agent, message = str(arguments.get("agent", "")), str(arguments.get("message", ""))
        key = str(arguments.get("session", ""))
        if key:
            await self._system.ask("sessions", OpenSession(key, agent))
        else:
            key = (await self._system.ask("sessions", CreateSession(agent))).key
        async with asyncio.timeout(AGENT_PATIENCE):
            answer = await self._system.ask("sessions", SendMessage(key, message))
        return f"{answer.content}\n[session {key}]"


def _imported() -> Any:
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    def make(bridge: Bridge) -> Any:
        async def list_tools(_: Any, __: Any) -> Any:
            tools = await bridge.tools()
            return types.ListToolsResult(
                tools=[
                    types.Tool(name=name, description=words, input_schema=schema)
                    for name, words, schema in tools
                ]
            )

        async def call_tool(_: Any, params: Any) -> Any:
            text, is_error = await bridge.call(params.name, dict(params.arguments or {}))
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=text)], is_error=is_error
            )

        server = Server("clawft", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)
        # Host and Origin are checked by us, before anything comes here.
        return StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    return make


class McpEndpoint(Known):
    """``POST /mcp``. Takes a token that may operate: tools act."""

    scope = "operate"

    def initialize(self, **given: Any) -> None:
        self._bridge: Bridge = given.pop("bridge")
        super().initialize(**given)
        self._gone = asyncio.Event()

    def allowed(self) -> tuple[str, ...]:
        return ("GET", "POST", "DELETE", "OPTIONS")

    async def post(self) -> None:
        self.refuse_when_stopping()
        body = [{"type": "http.request", "body": self.request.body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if body:
                return body.pop()
            await self._gone.wait()
            return {"type": "http.disconnect"}

        request = asyncio.ensure_future(self._bridge(self._scope(), receive, self._send))
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait((request, gone), return_when=asyncio.FIRST_COMPLETED)
            if request.done():
                request.result()
        finally:
            gone.cancel()
            if not request.done():
                request.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await request
        if not self._finished and not self._gone.is_set():
            self.finish()

    get = delete = post

    def _scope(self) -> dict[str, Any]:
        request = self.request
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.get_all()
            if name.lower() != "authorization"  # it has been looked at, and is nobody else's business
        ]
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode("latin-1"),
            "query_string": request.query.encode("latin-1"),
            "root_path": "",
            "headers": headers,
            "client": (request.remote_ip, 0),
            "server": ("127.0.0.1", self.site.house.port),
            "state": {},
        }

    async def _send(self, message: dict[str, Any]) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.set_status(message["status"])
            for name, value in message.get("headers", ()):
                if name.lower() not in (b"content-length", b"connection", b"transfer-encoding"):
                    self.set_header(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            self.write(bytes(message.get("body", b"")))
            if message.get("more_body"):
                await self.flush()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._gone.set()
