"""The MCP project's own conformance suite, as far as it is about tools: no prompts or resources are offered.

It is an npm package that needs Node 22. ``CLAWFT_NODE`` names one that is not the machine's own.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.scenarios.process import serving

PACKAGE = "@modelcontextprotocol/conformance@0.1.16"
CACHE = Path(sys.prefix) / "mcp-conformance"
ROOT = Path(__file__).parents[2]
NODE = os.environ.get("CLAWFT_NODE") or shutil.which("node") or ""


def node_is_new_enough() -> bool:
    if not NODE or not shutil.which("npm"):
        return False
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    return said.startswith("v") and int(said[1:].split(".")[0]) >= 22


pytestmark = pytest.mark.skipif(
    not node_is_new_enough(), reason="the conformance suite needs Node 22 with npm"
)


@pytest.fixture(scope="module")
def suite() -> list[str]:
    CACHE.mkdir(exist_ok=True)
    program = CACHE / "node_modules" / ".bin" / "conformance"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(CACHE),
                PACKAGE,
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr[-200:]}")
    return [NODE, str(program)]


class Door(RequestHandler):
    """Lets the suite in, which has no token, with all else as it says it."""

    url = token = ""

    async def post(self) -> None:
        headers = {name: value for name, value in self.request.headers.get_all() if name != "Connection"}
        headers["Authorization"] = f"Bearer {self.token}"
        for name in ("Host", "Origin"):
            if "127.0.0.1" in headers.get(name, "") or "localhost" in headers.get(name, ""):
                headers.pop(name)
        request = HTTPRequest(
            self.url, method=self.request.method or "", headers=headers, body=self.request.body or None,
            allow_nonstandard_methods=True,
        )  # fmt: skip
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        self.set_status(answer.code)
        for name, value in answer.headers.get_all():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.set_header(name, value)
        self.finish(answer.body or b"")

    get = delete = post


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("conformance") / "data") as host:
        Door.url, Door.token = f"{host.url}/mcp", host.ok("POST", "/api/auth/token")["token"]
        sockets: list[int] = []
        up, over = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def run() -> None:
            server = HTTPServer(Application([(r"/mcp", Door)]))
            socket, port = bind_unused_port()
            server.add_socket(socket)
            sockets.append(port)
            up.set()
            await over.wait()
            server.stop()

        thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
        thread.start()
        assert up.wait(10)
        yield f"http://localhost:{sockets[0]}/mcp"
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def check(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        [*command, "-o", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("scenario", ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"])
def test_we_are_a_server_as_the_suite_wants_one(
    suite: list[str], door: str, scenario: str, tmp_path: Path
) -> None:
    check([*suite, "server", "--url", door, "--scenario", scenario], tmp_path)


@pytest.mark.parametrize("scenario", ["initialize", "tools_call"])
def test_we_are_a_client_as_the_suite_wants_one(suite: list[str], scenario: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m tests.mcp.conformance_client"
    check([*suite, "client", "--command", command, "--scenario", scenario], tmp_path)
