"""Our side of a server of tools, for the conformance suite.

``python -m tests.mcp.conformance_client URL``
"""

import asyncio
import sys

from clawft.domain.config import McpServerConfig
from clawft.drivers.mcp_client import connected


async def main(url: str) -> None:
    async with connected("suite", McpServerConfig(url=url), mark="conformance") as connection:
        for spec in await connection.tools():
            if spec.name == "suite.add_numbers":
                await connection.call("add_numbers", {"a": 5, "b": 3})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
