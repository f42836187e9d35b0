#!/usr/bin/env python3
"""Shows how loud it is at a running host's microphone.

scripts/microphone_level.py [URL [COUNT]]             ends after COUNT levels, otherwise with Ctrl-C

Voice has to be switched on: `clawft voice set enabled=true`. A sentence said from where you sit should reach
the middle of the bar; when it touches the right end the microphone is overdriven.
"""

import asyncio
import contextlib
import sys

from clawft import Host

WIDTH = 50


async def main(url: str, count: int | None) -> None:
    async with Host(url=url) as host, host.watching("voice:level") as events:
        async for event in events:
            level = float(event.data["level"])
            print(f"\r{'#' * round(level * WIDTH):<{WIDTH}} {level:.2f} ", end="", flush=True)
            if count is not None and (count := count - 1) <= 0:
                print()
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
