"""Pages: the dashboard that was given, the small page otherwise, and nothing from outside its folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.house import House
from tests.web.test_rest import problem


@pytest.fixture
async def dashboard(tmp_path: Path) -> AsyncIterator[House]:
    ui = tmp_path / "ui"
    (ui / "assets").mkdir(parents=True)
    (ui / "index.html").write_text("<!doctype html><title>dash</title>")
    (ui / "assets" / "app.js").write_text("console.log(1)")
    (ui / "robots.txt").write_text("none")
    (tmp_path / "secret.txt").write_text("outside")
    (ui / "link.txt").symlink_to(tmp_path / "secret.txt")
    (ui / "assets" / "out").symlink_to(tmp_path)
    async with House(tmp_path / "data", ui_dir=ui) as house:
        yield house


async def test_without_a_dashboard_a_small_page_says_what_this_is(house: House) -> None:
    answer = await house.call("GET", "/", token=None)
    assert answer.code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"/api/health" in answer.body
    assert b"<script" not in answer.body
    assert b"style=" not in answer.body
    style = await house.call("GET", "/style.css", token=None)
    assert (style.code, style.headers["Content-Type"]) == (200, "text/css")


@pytest.mark.parametrize(
    "path", ["/", "/sessions", "/agents/agent-1", "/nothing.html", "/index.html", "//evil.example"]
)
async def test_any_other_path_is_a_page_of_the_dashboard(dashboard: House, path: str) -> None:
    answer = await dashboard.call("GET", path, token=None)
    assert (answer.code, answer.body) == (200, b"<!doctype html><title>dash</title>")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_files_are_served_and_assets_may_be_kept(dashboard: House) -> None:
    script = await dashboard.call("GET", "/assets/app.js", token=None)
    assert script.body == b"console.log(1)"
    assert "javascript" in script.headers["Content-Type"]
    assert "immutable" in script.headers["Cache-Control"]
    assert (await dashboard.call("GET", "/robots.txt", token=None)).body == b"none"
    again = await dashboard.call("GET", "/robots.txt", token=None, headers={"If-None-Match": "*"})
    assert again.code == 304


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/", "/assets", "/assets/../index.html"])
async def test_a_missing_asset_stays_missing(dashboard: House, path: str) -> None:
    answer = await dashboard.call("GET", path, token=None)
    assert answer.code in ((200,) if path == "/assets" else (404, 403, 200))
    if path == "/assets/none.js":
        assert problem(answer)[:2] == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/link.txt",
        "/assets/out/secret.txt",
        "/%00",
        "/%ff",
    ],
)
async def test_nothing_outside_the_folder_is_served(dashboard: House, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{dashboard.port}\r\nConnection: close\r\n\r\n"
    got = await dashboard.raw(head.encode())
    assert got.startswith(b"HTTP/1.1 ")
    assert b"outside" not in got
    assert b" 500 " not in got.split(b"\r\n")[0]


async def test_pages_are_only_read(dashboard: House) -> None:
    answer = await dashboard.call("POST", "/", {})
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    head = await dashboard.call("HEAD", "/", token=None)
    assert (head.code, head.body) == (200, b"")


async def test_a_link_from_elsewhere_opens_a_page(dashboard: House) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await dashboard.call("GET", "/", token=None, headers=followed)).code == 200
    assert (await dashboard.call("GET", "/api/sessions", headers=followed)).code == 403
