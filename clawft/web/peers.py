"""Which user of this machine is at the other end of a loopback connection."""

import asyncio
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakKeyDictionary

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}


class Peers:
    """Looks peers up in the kernel's table of connections.

    Reading the table takes 6 to 20 ms on a busy machine: a thread of its own does it, once a connection.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="peers")
        self._known: WeakKeyDictionary[object, int | None] = WeakKeyDictionary()

    async def uid(self, connection: object, sock: socket.socket) -> int | None:
        """The user that owns the other end; None: unknown. ``connection`` is what the answer is kept for."""
        if connection not in self._known:
            ends = sock.getpeername(), sock.getsockname()
            loop = asyncio.get_running_loop()
            self._known[connection] = await loop.run_in_executor(self._thread, owner, sock.family, *ends)
        return self._known[connection]

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def trusted_uids() -> tuple[int, ...]:
    """Us and root, where the kernel can tell users apart; empty: it cannot be asked."""
    return (os.geteuid(), 0) if any(table.exists() for table in _TABLES.values()) else ()


def owner(family: int, theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """The user id that owns the socket bound to ``theirs`` and connected to ``ours``."""
    local, remote = _as_listed(family, theirs), _as_listed(family, ours)
    try:
        rows = _TABLES[socket.AddressFamily(family)].read_text().splitlines()[1:]
    except (OSError, KeyError):
        return None
    for row in rows:
        columns = row.split()
        if columns[1] == local and columns[2] == remote:
            return int(columns[7])
    return None


def _as_listed(family: int, address: tuple[str, int]) -> str:
    # The kernel prints an address as 32-bit words in host order, the port as a number.
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
