"""What can be asked of the servers of tools."""

from clawft.domain.mcp import McpServer
from clawft.runtime import Ask


class ListMcpServers(Ask[tuple[McpServer, ...]], frozen=True):
    """Every server that the config names, and how it stands."""


class DescribeMcpServer(Ask[McpServer], frozen=True):
    """How this one stands."""
