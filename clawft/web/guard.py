"""The guard: whom a request comes from, judged by its head alone. Pure, so that every rule is a test."""

import ipaddress
import re
from functools import lru_cache

import msgspec

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_PROXY_HEADERS = frozenset({"forwarded", "x-real-ip", "via", "true-client-ip", "x-client-ip"})
_PROXY_PREFIXES = ("x-forwarded-", "cf-", "x-envoy-", "tailscale-")

FOREIGN_HOST = "the Host header does not name this server"


class Head(msgspec.Struct, frozen=True):
    """What the guard looks at. ``peer`` is the address of the socket, never of a header."""

    peer: str
    host: tuple[str, ...] = ()
    """Every Host header; exactly one is right."""
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    names: tuple[str, ...] = ()
    """The names of all headers."""


class House(msgspec.Struct, frozen=True):
    """Where we live: what a request may call us."""

    port: int
    allowed_hosts: tuple[str, ...] = ()
    """Names besides the loopback ones."""
    local_trust: bool = True
    uids: tuple[int, ...] = ()
    """Users of this machine whose processes are trusted: ours and root."""


def refusal(head: Head, house: House, *, page: bool = False) -> str | None:
    """Why this request is not let in whoever sends it; None: it may go on.

    A name that is not ours means DNS rebinding, a foreign origin another site's script. ``page``: following a
    link from elsewhere to one of our pages is fine.
    """
    if len(head.host) != 1 or not is_ours(head.host[0], house.allowed_hosts):
        return FOREIGN_HOST
    if head.origin is not None and not _own_origin(head.origin, head.host[0]):
        return "the Origin header names another site"
    if head.fetch_site in (None, "same-origin", "none"):
        return None
    if page and head.fetch_mode == "navigate":
        return None
    return f"Sec-Fetch-Site is {head.fetch_site[:32]}"


def distrust(head: Head, house: House, uid: int | None) -> str | None:
    """Why the sender is not taken for this machine's operator; None: it may act without a token.

    ``uid`` owns the other end of the connection; None: unknown. It must be known where ``house.uids`` says
    who is trusted.
    """
    return _distrusted_house(house) or _distrusted_head(head, house) or _distrusted_user(house, uid)


def _distrusted_house(house: House) -> str | None:
    return None if house.local_trust else "local trust is switched off"


def _distrusted_head(head: Head, house: House) -> str | None:
    if not is_loopback(head.peer):
        return "the request does not come from this machine"
    if len(head.host) != 1 or not _names_port(head.host[0], house.port):
        return "the Host header is not a loopback name with our port"
    if head.origin is not None and not _own_origin(head.origin, head.host[0]):
        return "the Origin header names another site"
    if head.fetch_site not in (None, "same-origin"):
        return f"Sec-Fetch-Site is {head.fetch_site[:32]}"
    if proxy := next((name for name in head.names if is_proxy_header(name)), None):
        return f"the request came through a proxy ({proxy[:32]})"
    return None


def _distrusted_user(house: House, uid: int | None) -> str | None:
    if not house.uids or uid in house.uids:
        return None
    return "the request comes from another user of this machine"


@lru_cache(maxsize=256)
def is_ours(host: str, allowed_hosts: tuple[str, ...] = ()) -> bool:
    """Whether a Host header names us: a loopback name, or one we were told to answer to. Its port may differ,
    as behind a forwarded one."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].lower()
    return _is_loopback_name(name) or name in allowed_hosts or host.lower() in allowed_hosts


def is_proxy_header(name: str) -> bool:
    """Whether only proxies send this header."""
    name = name.lower()
    return name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIXES)


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own. Parsed: by its start 127.evil.example would be, too."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _names_port(host: str, port: int) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and _is_loopback_name(match["name"].lower()) and int(match["port"] or 80) == port


def _is_loopback_name(name: str) -> bool:
    return name == "localhost" or is_loopback(name.strip("[]"))


def _own_origin(origin: str, host: str) -> bool:
    own = f"http://{host.lower()}"
    if _names_loopback(host):
        return origin.lower() == own
    # Behind a proxy that ends TLS a browser names us with https.
    return origin.lower() in (own, own.replace("http:", "https:", 1))


def _names_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and _is_loopback_name(match["name"].lower())
