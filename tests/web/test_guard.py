"""Whom a request comes from, judged by its head: every way in that was ever walked, as a claim."""

import pytest
from msgspec.structs import replace

from clawft.errors import UsageError
from clawft.web.guard import Head, House, distrust, is_loopback, is_ours, refusal
from clawft.web.server import check_binding

PORT = 18789
HOUSE = House(PORT, uids=(1000, 0))
LOCAL = Head("127.0.0.1", ("localhost:18789",))


@pytest.mark.parametrize(
    "host",
    ["localhost:18789", "LOCALHOST:18789", "127.0.0.1:18789", "127.8.8.8", "[::1]:18789", "localhost:9"],
)
def test_loopback_names_are_ours(host: str) -> None:
    assert is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.evil.example:18789",
        "localhost.",
        "localhost.evil.example",
        "localhost:18789@evil.example",
        "0.0.0.0:18789",
        "2130706433",
        "0x7f000001",
        "127.1",
        "[::ffff:8.8.8.8]",
        "",
        " localhost",
        "localhost:18789, evil.example",
        "localhost:123456",
    ],
)
def test_every_other_name_is_a_rebound_one(host: str) -> None:
    assert not is_ours(host)
    assert refusal(replace(LOCAL, host=(host,)), HOUSE) == "the Host header does not name this server"


def test_an_allowed_host_is_ours_with_or_without_its_port() -> None:
    allowed = ("agents.example", "other.example:8443")
    assert is_ours("agents.example", allowed)
    assert is_ours("Agents.Example:443", allowed)
    assert is_ours("other.example:8443", allowed)
    assert not is_ours("other.example", allowed)


@pytest.mark.parametrize("hosts", [(), ("localhost:18789", "localhost:18789")])
def test_there_must_be_exactly_one_host(hosts: tuple[str, ...]) -> None:
    assert refusal(replace(LOCAL, host=hosts), HOUSE)
    assert distrust(replace(LOCAL, host=hosts), HOUSE, 1000)


def test_the_operator_on_this_machine_is_trusted() -> None:
    assert distrust(LOCAL, HOUSE, 1000) is None
    assert distrust(LOCAL, HOUSE, 0) is None
    own = replace(LOCAL, origin="http://localhost:18789", fetch_site="same-origin")
    assert distrust(own, HOUSE, 1000) is None
    mapped = Head("::ffff:127.0.0.1", ("[::1]:18789",))
    assert distrust(mapped, HOUSE, 1000) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://localhost:3000",
        "http://localhost",
        "http://127.0.0.1:18789",
        "https://localhost:18789",
        "http://localhost:18789.evil.example",
        "http://localhost:18789/",
        "",
    ],
)
def test_a_foreign_origin_is_refused_whoever_sends_it(origin: str) -> None:
    assert refusal(replace(LOCAL, origin=origin), HOUSE) == "the Origin header names another site"
    assert distrust(replace(LOCAL, origin=origin), HOUSE, 1000)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "weird"])
def test_other_sites_may_link_to_pages_and_nothing_else(site: str) -> None:
    head = replace(LOCAL, fetch_site=site, fetch_mode="navigate")
    assert refusal(head, HOUSE, page=True) is None
    assert refusal(head, HOUSE) == f"Sec-Fetch-Site is {site}"
    assert refusal(replace(head, fetch_mode="no-cors"), HOUSE, page=True)
    assert distrust(head, HOUSE, 1000)


def test_an_address_typed_by_hand_is_let_in_but_mints_nothing() -> None:
    head = replace(LOCAL, fetch_site="none")
    assert refusal(head, HOUSE) is None
    assert distrust(head, HOUSE, 1000) == "Sec-Fetch-Site is none"


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Envoy-External-Address",
        "Tailscale-User-Login",
    ],
)
def test_what_came_through_a_proxy_is_not_local(name: str) -> None:
    assert refusal(replace(LOCAL, names=("Host", name)), HOUSE) is None
    assert (
        distrust(replace(LOCAL, names=("Host", name)), HOUSE, 1000)
        == f"the request came through a proxy ({name})"
    )


@pytest.mark.parametrize("host", ["localhost:18790", "localhost", "agents.example:18789"])
def test_trust_needs_a_loopback_name_with_our_port(host: str) -> None:
    house = replace(HOUSE, allowed_hosts=("agents.example",))
    assert (
        distrust(replace(LOCAL, host=(host,)), house, 1000)
        == "the Host header is not a loopback name with our port"
    )


def test_another_user_of_this_machine_is_not_trusted() -> None:
    for uid in (65534, None):
        assert distrust(LOCAL, HOUSE, uid) == "the request comes from another user of this machine"
    assert distrust(LOCAL, replace(HOUSE, uids=()), None) is None


def test_other_machines_are_not_trusted() -> None:
    for peer in ("192.168.1.4", "8.8.8.8", "::ffff:10.0.0.1", "", "not an address"):
        assert (
            distrust(replace(LOCAL, peer=peer), HOUSE, 1000) == "the request does not come from this machine"
        )


def test_local_trust_can_be_switched_off() -> None:
    assert distrust(LOCAL, replace(HOUSE, local_trust=False), 1000) == "local trust is switched off"


def test_only_addresses_are_loopback_addresses() -> None:
    assert is_loopback("127.9.9.9")
    assert is_loopback("::1")
    assert not is_loopback("127.evil.example")
    assert not is_loopback("localhost")


def test_listening_beyond_this_machine_needs_three_things() -> None:
    check_binding("127.0.0.1", allow_remote=False, allowed_hosts=(), has_secret=False)
    check_binding("localhost", allow_remote=False, allowed_hosts=(), has_secret=False)
    check_binding("::1", allow_remote=False, allowed_hosts=(), has_secret=False)
    check_binding("0.0.0.0", allow_remote=True, allowed_hosts=("a.example",), has_secret=True)
    for allow, hosts, secret in ((False, ("a",), True), (True, (), True), (True, ("a",), False)):
        with pytest.raises(UsageError):
            check_binding("0.0.0.0", allow_remote=allow, allowed_hosts=hosts, has_secret=secret)
    with pytest.raises(UsageError, match=r"allow_remote, a list of allowed hosts, the bootstrap secret"):
        check_binding("::", allow_remote=False, allowed_hosts=(), has_secret=False)
