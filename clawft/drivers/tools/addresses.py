"""Addresses that may be fetched from: resolved once, all of them checked, and connected to as checked."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from tornado.netutil import DefaultLoopResolver, Resolver

from clawft.errors import Forbidden, Invalid

PORTS = frozenset((80, 443))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Python's own ``is_global`` differs from version to version and lets through what embeds another address, so
# the ranges of IANA's special-purpose registries (RFC 6890 and its updates) are named here.
_CLOSED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open Internet's, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in net for net in _CLOSED_4)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    return address in _OPEN_6 and not any(address in net for net in _CLOSED_6)


def checked_url(url: str, allowed: Collection[str] = ()) -> str:
    """The address without its fragment. ``allowed``: ``host:port`` that the operator lets pass.

    Raises ``Invalid`` for what is no web address, ``Forbidden`` for a port that is none of the web's.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise Invalid(f"{url[:200]!r} is no http or https address") from None
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise Invalid(f"{url[:200]!r} must name a host, and no user")
    if port not in PORTS and f"{parts.hostname}:{port}" not in allowed:
        raise Forbidden(f"port {port} is none of the web's; 80 and 443 are")
    return parts._replace(fragment="").geturl()


class CheckedResolver(Resolver):
    """Resolves a name once, and refuses it unless every address it has is public.

    What it gives is what is connected to, so a name cannot point elsewhere a moment later.
    """

    def initialize(self, allowed: Collection[str] = ()) -> None:
        self._inner = DefaultLoopResolver()
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = await self._inner.resolve(host, port, family)
        if f"{host}:{port}" not in self._allowed:
            for _, address in found:
                if not is_public(ipaddress.ip_address(address[0].partition("%")[0])):
                    raise Forbidden(f"{host} is at {address[0]}, which is no address of the open Internet")
        return found

    def close(self) -> None:
        self._inner.close()
