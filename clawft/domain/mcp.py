"""MCP: servers of tools, and how each stands."""

from typing import Literal

from clawft.domain.values import Value


class McpServer(Value, frozen=True, omit_defaults=True):
    """A server that the config names."""

    name: str
    kind: Literal["stdio", "http"]
    state: Literal["connecting", "ready", "disabled"]
    tools: tuple[str, ...] = ()
    """As agents call them: ``server.tool``."""
    connections: int = 0
    """How often it was reached since the host began."""
    last_error: str = ""
