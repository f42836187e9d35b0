"""Fetching and searching: what may be reached, and what is made of it. Servers are on loopback."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from clawft.domain.tools import ToolCall
from clawft.drivers.tools.addresses import checked_url, is_public
from clawft.drivers.tools.web import Engine, Fetcher, WebFetchTool, search
from clawft.errors import ClawftError, Forbidden, Invalid, Unavailable
from clawft.runtime import Reply

PAGE = """<html><head><title>t</title><style>p {}</style></head><body><script>alert(1)</script>
<h1>Head</h1><p>Some <b>bold</b> words and <a href="/x">a link</a>.</p></body></html>"""


REDIRECTS = {
    "round": "/round",
    "there": "/page",
    "inside": "http://169.254.169.254/latest/meta-data/",
    "file": "file:///etc/passwd",
}
KINDS = {
    "page": ("text/html", PAGE.encode()),
    "text": ("text/plain; charset=latin-1", "caf\u00e9".encode("latin-1")),
    "picture": ("image/png", b"\x89PNG"),
}


class Site(RequestHandler):
    async def get(self, path: str) -> None:
        if path in REDIRECTS:
            self.redirect(REDIRECTS[path])
        elif path in KINDS:
            self.set_header("Content-Type", KINDS[path][0])
            self.write(KINDS[path][1])
        elif path == "large":
            for _ in range(300):
                self.write(b"x" * 10_240)
                await self.flush()
        elif path == "hang":
            await asyncio.sleep(30)
        elif path.endswith("search"):
            self.search(self.request.headers.get("X-Subscription-Token", ""))
        else:
            self.set_status(404)
            self.write("nothing here")

    def search(self, key: str) -> None:
        row = {"title": key or "A", "url": "http://a.example", "content": "about <b>a</b>"}
        rows = [row, {"title": "B", "url": "http://b.example"}]
        self.write({"web": {"results": rows}} if key else {"results": rows})


@pytest.fixture
async def site() -> AsyncIterator[str]:
    server = HTTPServer(Application([(r"/(.*)", Site)]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield f"127.0.0.1:{port}"
    server.stop()
    await server.close_all_connections()


def blocking(fn: Any, *args: Any) -> Reply[Any]:
    return Reply.of(fn(*args))


async def fetched(site: str, path: str, **more: Any) -> str:
    tool = WebFetchTool(Fetcher((site,)), blocking)
    call = ToolCall("web_fetch", {"url": f"http://{site}/{path}", **more}, "s", "a")
    return (await tool.run(call)).content


async def test_a_page_becomes_markdown(site: str) -> None:
    text = await fetched(site, "page")
    assert text == f"http://{site}/page\n\n# Head\n\nSome **bold** words and [a link](/x)."
    assert "<h1>" in await fetched(site, "page", raw=True)
    assert (await fetched(site, "text")).endswith("caf\u00e9")
    assert (await fetched(site, "nowhere")).startswith(f"http://{site}/nowhere answered 404")
    assert (await fetched(site, "there")).startswith(f"http://{site}/page\n")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("picture", "is image/png, and no text"),
        ("large", "is larger than 2 MiB"),
        ("round", "redirects more than 5 times"),
        ("inside", "no address of the open Internet"),
        ("file", "is no http or https address"),
    ],
)
async def test_what_is_not_fetched_is_told_in_words(site: str, path: str, words: str) -> None:
    with pytest.raises(ClawftError, match=words):
        await fetched(site, path)


async def test_a_server_that_says_nothing_is_given_up(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawft.drivers.tools.web.PATIENCE", 0.3)
    with pytest.raises(ClawftError, match="did not answer within"):
        await fetched(site, "hang")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
    ],
)
async def test_this_machine_and_its_house_are_out_of_reach(host: str) -> None:
    with pytest.raises(Forbidden, match="no address of the open Internet"):
        await Fetcher().fetch(f"http://{host}/")


@pytest.mark.parametrize("port", [18789, 22, 6379])
def test_other_ports_are_out_of_reach(port: int) -> None:
    with pytest.raises(Forbidden, match="none of the web's"):
        checked_url(f"http://example.org:{port}/")


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "http://u:p@a.example/", "http:///x", "javascript:1", "http://a:b/"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        checked_url(url)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.5.4",
        "192.168.1.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_both_engines_give_titles_addresses_and_excerpts(site: str) -> None:
    found = await search(Engine("searxng", f"http://{site}/"), "x", 5)
    assert found.splitlines()[:3] == ["1. A", "   http://a.example", "   about a"]
    assert "1. the-key" in await search(Engine("brave", f"http://{site}", "the-key"), "x", 5)
    with pytest.raises(Unavailable, match='"engine": "searxng"'):
        await search(Engine("", ""), "x", 5)
    with pytest.raises(Unavailable, match="secret set brave"):
        await search(Engine("brave", f"http://{site}"), "x", 5)
    with pytest.raises(ClawftError, match="did not answer as one"):
        await search(Engine("searxng", f"http://{site}/nowhere?"), "x", 5)
