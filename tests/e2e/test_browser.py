"""A browser on a host: what a dashboard needs works under our own Content-Security-Policy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.scenarios.process import HostProcess, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DASHBOARD = Path(__file__).parent / "dashboard"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the console says against us: errors of scripts, and what the policy blocked."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    opened = browser.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("plain") / "data") as host:
        yield host


@pytest.fixture(scope="module")
def with_ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("ui") / "data", "--ui-dir", str(DASHBOARD)) as host:
        yield host


def test_a_host_without_a_dashboard_says_what_it_is(
    plain: HostProcess, page: Page, complaints: list[str]
) -> None:
    page.goto(plain.url)
    expect(page.locator("h1")).to_have_text("clawft")
    # The stylesheet was let in by the policy.
    assert page.evaluate("document.styleSheets.length") == 1
    assert [said for said in complaints if "favicon" not in said] == []


def test_a_dashboard_mints_talks_and_hears(with_ui: HostProcess, page: Page, complaints: list[str]) -> None:
    page.goto(with_ui.url)
    expect(page.locator("#state")).to_have_text("ready clawft")
    page.fill("#text", "hello from a browser")
    page.click("button")
    expect(page.locator("#answer")).not_to_be_empty()
    expect(page.locator("#state")).to_have_text("done")
    assert page.text_content("#stream") == page.text_content("#answer")
    assert complaints == []


def test_a_deep_link_loads_the_dashboard(with_ui: HostProcess, page: Page) -> None:
    page.goto(f"{with_ui.url}/agents/general-agent")
    expect(page.locator("#path")).to_have_text("/agents/general-agent")


def test_a_page_of_another_origin_gets_nothing(with_ui: HostProcess, page: Page) -> None:
    page.goto("about:blank")
    outcome = page.evaluate(
        """async (url) => {
            const order = fetch(url + "/api/auth/token", {method: "POST"});
            const tried = await order.then(response => response.text(), error => "blocked");
            const socket = new WebSocket(url.replace("http", "ws") + "/ws");
            const opened = await new Promise(done => {
                socket.onopen = () => done("opened");
                socket.onerror = () => done("refused");
            });
            return [tried, opened];
        }""",
        with_ui.url,
    )
    assert outcome == ["blocked", "refused"]
