"""Which user of this machine is at the other end of a loopback connection."""

import asyncio
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakKeyDictionary

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}

# sock_diag(7): a request and its answer, each behind a netlink header; ports and addresses in network order.
_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_HEADER = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBBI")
_ENDS = struct.Struct("!HH16s16s")
_ANY_INTERFACE_NO_COOKIE = struct.pack("=I8s", 0, b"\xff" * 8)
_FOUND = struct.Struct("=4x36s12x8x4xII")
"""The two ends, the user id and the inode."""


class Peers:
    """Looks peers up in the kernel's table of connections, once a connection.

    The kernel is asked for the one row (20 us). Where it cannot be, a thread reads the whole table, 6 to
    20 ms when there are thousands of connections.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="peers")
        self._known: WeakKeyDictionary[object, int | None] = WeakKeyDictionary()

    async def uid(self, connection: object, sock: socket.socket) -> int | None:
        """The user that owns the other end; None: unknown. ``connection`` is what the answer is kept for."""
        if connection not in self._known:
            self._known[connection] = await self._looked_up(sock)
        return self._known[connection]

    async def _looked_up(self, sock: socket.socket) -> int | None:
        ends = sock.family, sock.getpeername(), sock.getsockname()
        try:
            return asked(*ends)
        except OSError:  # no such socket family in a container, or the other end is gone
            return await asyncio.get_running_loop().run_in_executor(self._thread, listed, *ends)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def trusted_uids() -> tuple[int, ...]:
    """Us and root, where the kernel can tell users apart; empty: it cannot be asked."""
    return (os.geteuid(), 0) if any(table.exists() for table in _TABLES.values()) else ()


def asked(family: int, theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """The user id that owns the socket bound to ``theirs`` and connected to ``ours``, by ``sock_diag(7)``.

    Raises OSError when the kernel does not answer.
    """
    ends = _ENDS.pack(theirs[1], ours[1], _packed(family, theirs), _packed(family, ours))
    query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ends + _ANY_INTERFACE_NO_COOKIE
    head = _HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(head + query)
        answer = kernel.recv(8192)
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        raise ProcessLookupError("no such connection")
    found, uid, inode = _FOUND.unpack_from(answer, _HEADER.size)
    # A socket that nobody holds any more is listed as root's; and a listener may be offered in its place.
    return int(uid) if inode and found == ends else None


def listed(family: int, theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """The same, by reading the whole table."""
    local, remote = _as_listed(family, theirs), _as_listed(family, ours)
    try:
        rows = _TABLES[socket.AddressFamily(family)].read_text().splitlines()[1:]
    except (OSError, KeyError):
        return None
    for row in rows:
        columns = row.split()
        if columns[1] == local and columns[2] == remote:
            return int(columns[7]) if columns[9] != "0" else None
    return None


def _as_listed(family: int, address: tuple[str, int]) -> str:
    # The kernel prints an address as 32-bit words in host order, the port as a number.
    packed = _packed(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"


def _packed(family: int, address: tuple[str, int]) -> bytes:
    return socket.inet_pton(family, address[0].partition("%")[0])
