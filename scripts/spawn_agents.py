#!/usr/bin/env python3
"""Two agents from a script, one of them with a Python function as a tool.

scripts/spawn_agents.py                               in this process, on a folder that is gone afterwards
scripts/spawn_agents.py http://127.0.0.1:18789        on a host that runs
"""

import asyncio
import platform
import sys
from typing import Literal

from clawft import Host


def machine(what: Literal["system", "release", "python"]) -> str:
    """Say something about the machine this script runs on.

    Args:
        what: Which fact.
    """
    facts = {"system": platform.system(), "release": platform.release(), "python": platform.python_version()}
    return facts[what]


async def main(url: str | None) -> None:
    async with Host(url=url) as host:
        clerk = await host.spawn("clerk", prompt="You keep notes.", tools=["memory_write", "memory_read"])
        guide = await host.spawn("guide", prompt="You know this machine.", tools=[machine])

        # Both take their turns at the same time.
        note, fact = await asyncio.gather(
            clerk.ask("remember that the deploy is on Friday"),
            guide.ask('Use the machine tool with {"what": "python"}'),
        )
        print(f"clerk: {note}")
        print(f"guide: {fact}")

        print("clerk: ", end="")
        async for piece in clerk.stream("what do you know about the deploy?"):
            print(piece, end="", flush=True)
        print()

        for agent in (clerk, guide):
            await agent.remove()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
