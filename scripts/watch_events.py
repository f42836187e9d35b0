#!/usr/bin/env python3
"""Prints what happens on a running host: each message said, each change of an agent, each stage of a turn.

scripts/watch_events.py [URL [COUNT]]                 ends after COUNT events, otherwise with Ctrl-C
"""

import asyncio
import contextlib
import sys

from clawft import Host

TOPICS = ("chat:message", "agent:status", "pipeline:stage")


async def main(url: str, count: int | None) -> None:
    async with Host(url=url) as host, host.watching(*TOPICS) as events:
        print(f"watching {', '.join(TOPICS)} on {url}", flush=True)
        async for event in events:
            print(f"{event.seq or '-':>6}  {event.topic:<15} {event.data}", flush=True)
            if count is not None and (count := count - 1) <= 0:
                return


if __name__ == "__main__":
    arguments = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            main(
                arguments[0] if arguments else "http://127.0.0.1:18789",
                int(arguments[1]) if len(arguments) > 1 else None,
            )
        )
