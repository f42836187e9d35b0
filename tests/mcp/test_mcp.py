"""Servers of tools, and ourselves as one: through the official SDK on both ends, on whole hosts."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from clawft.drivers.mcp_client import MARK
from tests.models.test_aimock import free_port
from tests.scenarios.process import HostProcess, serving

ROOT = Path(__file__).parents[2]
STDIO = {"command": sys.executable, "args": ["-m", "tests.mcp.server"], "cwd": str(ROOT)}


def write_config(folder: Path, **servers: Any) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"mcp": {"servers": servers}}))


def ready(host: HostProcess, name: str, connections: int = 1) -> Any:
    for _ in range(200):
        state = next(each for each in host.ok("GET", "/api/mcp/servers") if each["name"] == name)
        if state["state"] == "ready" and state["connections"] >= connections:
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def use(host: HostProcess, tool: str, text: str) -> str:
    key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    said = f"Use the {tool} tool with {json.dumps({'text': text})}"
    [call] = host.ok("POST", f"/api/sessions/{key}/messages", {"content": said})["tool_calls"]
    return str(call["result"]).removeprefix("[from outside this host, by ").partition("]\n")[2] or str(
        call["result"]
    )


def children(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("mcp") / "data"
    os.environ["TEST_SECRET"] = "from the host"
    port = free_port()
    over_http = subprocess.Popen([sys.executable, "-m", "tests.mcp.server", str(port)], cwd=ROOT)
    write_config(
        folder,
        local={**STDIO, "env": {"GIVEN": "$TEST_SECRET"}, "timeout": 2.0},
        remote={"url": f"http://127.0.0.1:{port}/"},
        off={**STDIO, "enabled": False},
        gone={"command": "/nowhere/at/all"},
    )
    try:
        with serving(folder) as running:
            yield running
    finally:
        over_http.kill()
        over_http.wait()


@pytest.mark.parametrize("name", ["local", "remote"])
def test_the_tools_of_a_server_are_tools_of_the_host(host: HostProcess, name: str) -> None:
    assert f"{name}.echo" in ready(host, name)["tools"]
    assert f"{name}.echo" in [tool["name"] for tool in host.ok("GET", "/api/tools")]
    assert use(host, f"{name}.echo", "hello") == "echo: hello"
    assert use(host, f"{name}.fail", "x") == "fail: x"


def test_a_server_gets_what_it_is_given_and_nothing_else(host: HostProcess) -> None:
    ready(host, "local")
    assert use(host, "local.env", "GIVEN") == "from the host"
    assert use(host, "local.env", "TEST_SECRET") == "nothing"


def test_a_call_that_takes_too_long_ends_and_the_next_is_answered(host: HostProcess) -> None:
    ready(host, "local")
    assert "local did not do it" in use(host, "local.slow", "20")
    assert use(host, "local.echo", "after") == "echo: after"


def test_what_cannot_be_reached_is_told_and_offers_nothing(host: HostProcess) -> None:
    states = {each["name"]: each for each in host.ok("GET", "/api/mcp/servers")}
    assert states["off"]["state"] == "disabled"
    assert states["gone"]["state"] == "connecting"
    assert "cannot be reached" in states["gone"]["last_error"]
    assert not any(tool["name"].startswith(("off.", "gone.")) for tool in host.ok("GET", "/api/tools"))


def test_a_server_that_dies_is_started_anew_and_none_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_config(folder, local=STDIO)
    with serving(folder) as host:
        ready(host, "local")
        [first] = children(str(folder))
        use(host, "local.die", "now")
        ready(host, "local", connections=2)
        assert use(host, "local.echo", "again") == "echo: again"
        [second] = children(str(folder))
        assert second.pid != first.pid
        second.suspend()  # it will not notice that its host is killed
        host.kill()
    with serving(folder) as host:
        ready(host, "local")
        assert not second.is_running() or second.status() == psutil.STATUS_ZOMBIE
        assert host.stop() == 0
    deadline = time.monotonic() + 5
    while children(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children(str(folder)) == []


# -- ourselves as one


async def test_our_tools_and_agents_are_offered_over_http(host: HostProcess) -> None:
    token = host.ok("POST", "/api/auth/token")["token"]
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    async with http, Client(streamable_http_client(f"{host.url}/mcp", http_client=http)) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert {"read_file", "ask_agent"} <= set(names)
        await check(client)


async def test_our_tools_and_agents_are_offered_over_stdio(host: HostProcess) -> None:
    token = host.ok("POST", "/api/auth/token")["token"]
    env = {"CLAWFT_URL": host.url, "CLAWFT_TOKEN": token}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "clawft.cli", "mcp"], env=env, cwd=ROOT
    )
    async with Client(command) as client:
        await check(client)


async def check(client: Client) -> None:
    written = await client.call_tool("write_file", {"path": "mcp.txt", "content": "abc"})
    assert written.content[0].text.endswith("mcp.txt (3 bytes)")  # type: ignore[union-attr]
    wrong = await client.call_tool("write_file", {"path": "mcp.txt"})
    assert wrong.is_error
    assert "`content` is missing" in wrong.content[0].text  # type: ignore[union-attr]
    asked = await client.call_tool("ask_agent", {"agent": "general-agent", "message": "hello"})
    assert "offline/rules-1" in asked.content[0].text  # type: ignore[union-attr]
    nobody = await client.call_tool("ask_agent", {"agent": "nobody", "message": "hello"})
    assert nobody.is_error


def test_nobody_gets_in_without_a_token(host: HostProcess) -> None:
    assert (
        host.call("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, token="").status == 401
    )
    reader = host.ok("POST", "/api/auth/token", {"scopes": ["read"]})["token"]
    assert host.call("POST", "/mcp", {"jsonrpc": "2.0"}, token=reader).status == 403
