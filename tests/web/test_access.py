"""Who gets in: tokens, local trust and scopes over real connections."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from clawft.web.routes import ROUTES
from tests.web.house import IN_HOUSE, SECRET, Client, House
from tests.web.test_rest import problem


async def test_this_machines_operator_gets_a_token_for_the_asking(house: House) -> None:
    answer = await house.call("POST", "/api/auth/token", token=None)
    assert answer.code == 200
    assert list(json.loads(answer.body)) == ["token"]
    assert json.loads(answer.body)["token"].startswith("clawft_")


async def test_every_route_but_the_open_ones_needs_a_token(house: House) -> None:
    for route in IN_HOUSE:
        path = route.path.replace(":key", "x").replace(":id", "0123456789ab")
        answer = await house.call(route.method, path, {} if route.method == "POST" else None, token=None)
        if route.scope == "open":
            assert answer.code == 200
        else:
            assert problem(answer)[:2] == (401, "unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_only_minting_and_health_are_open() -> None:
    paths = [route.path for route in ROUTES if route.scope == "open"]
    assert paths == ["/api/auth/token", "/api/health"]


@pytest.mark.parametrize("value", ["Bearer nobody", "bearer", "Basic abc", "Bearer a b", "clawft_x"])
async def test_a_wrong_credential_never_falls_back_to_local_trust(house: House, value: str) -> None:
    for method, path in (("GET", "/api/sessions"), ("POST", "/api/auth/token")):
        answer = await house.call(method, path, token=None, headers={"Authorization": value})
        assert answer.code == 401


async def test_two_credentials_are_none(house: House) -> None:
    text = (
        f"GET /api/sessions HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
        f"Authorization: Bearer {house.token}\r\nAuthorization: Bearer nobody\r\nConnection: close\r\n\r\n"
    )
    assert (await house.raw(text.encode())).startswith(b"HTTP/1.1 401 ")


async def test_a_token_does_what_its_scopes_say(house: House) -> None:
    reader = await house.mint(scopes=["read"])
    assert (await house.call("GET", "/api/sessions", token=reader)).code == 200
    answer = await house.call("POST", "/api/sessions", {"agent_id": "a"}, token=reader)
    assert problem(answer) == (403, "forbidden", "this token has not the scope 'chat'")
    assert (await house.call("GET", "/api/auth/verify", token=reader)).code == 200
    more = await house.call("POST", "/api/auth/token", {"scopes": ["admin"]}, token=reader)
    assert more.code == 403


async def test_a_revoked_token_opens_nothing_any_more(house: House) -> None:
    token = await house.mint()
    assert (await house.call("DELETE", "/api/auth/token", token=token)).code == 200
    assert (await house.call("GET", "/api/auth/verify", token=token)).code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:18789", "Origin": "http://evil.example:18789"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
async def test_another_sites_page_gets_nothing_even_with_a_token(
    house: House, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/api/sessions"), ("POST", "/api/auth/token"), ("GET", "/"), ("GET", "/ws")):
        answer = await house.call(method, path, headers=headers)
        assert problem(answer)[:2] == (403, "forbidden"), (method, path)
    with pytest.raises(HTTPClientError) as refused:
        await house.socket(Authorization=f"Bearer {house.token}", **headers)
    assert refused.value.code == 403


async def test_what_came_through_a_proxy_mints_only_with_the_secret(house: House) -> None:
    proxied = {"X-Forwarded-For": "8.8.8.8"}
    answer = await house.call("POST", "/api/auth/token", token=None, headers=proxied)
    code, kind, message = problem(answer)
    assert (code, kind) == (403, "forbidden")
    assert "proxy (X-Forwarded-For)" in message
    assert (await house.call("POST", "/api/auth/token", token=SECRET, headers=proxied)).code == 200
    with pytest.raises(HTTPClientError) as refused:
        await house.socket(**proxied)
    assert refused.value.code == 401


async def test_http_1_0_without_a_host_gets_nothing(house: House) -> None:
    got = await house.raw(b"POST /api/auth/token HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 403 ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_of_this_machine_gets_no_token(house: House) -> None:
    code = (
        "import encodings.idna, http.client, os, sys, urllib.request, urllib.error\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: urllib.request.urlopen(urllib.request.Request(sys.argv[1], method='POST'))\n"
        "except urllib.error.HTTPError as error: print(error.code, error.read().decode())"
    )
    arguments = [sys.executable, "-c", code, house.server.url + "/api/auth/token"]
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("403 "), done.stderr
    assert "another user of this machine" in done.stdout


async def test_trust_switched_off_leaves_the_secret(tmp_path: Path) -> None:
    async with House(tmp_path, local_trust=False) as house:
        assert problem(await house.call("POST", "/api/auth/token", token=None))[0] == 403
        answer = await house.call("POST", "/api/auth/token", token=SECRET)
        assert answer.code == 200
        with pytest.raises(HTTPClientError) as refused:
            await house.socket()
        assert refused.value.code == 401


async def test_sockets_take_a_token_in_three_ways_and_trust_the_operator(house: House) -> None:
    for connecting in (
        house.socket(Authorization=f"Bearer {house.token}"),
        house.socket(f"/ws?token={house.token}"),
        house.socket(Sec_WebSocket_Protocol=f"clawft, clawft.bearer.{house.token}"),
        house.socket(),
    ):
        client = Client(await connecting)
        assert await client.next() == {"type": "connected"}
        client.connection.close()


async def test_the_token_is_never_echoed(house: House) -> None:
    text = (
        f"GET /ws HTTP/1.1\r\nHost: localhost:{house.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: clawft.bearer.{house.token}, clawft\r\n\r\n"
    )
    got = await house.raw(text.encode(), seconds=0.5)
    assert got.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-Websocket-Protocol: clawft\r\n" in got
    assert house.token.encode() not in got


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/ws?token=nobody", {}),
        ("/ws", {"Authorization": "Bearer nobody"}),
        ("/ws", {"Sec_WebSocket_Protocol": "clawft, clawft.bearer.nobody"}),
    ],
)
async def test_a_wrong_token_never_upgrades(house: House, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await house.socket(path, **headers)
    assert refused.value.code == 401


async def test_revoking_a_token_closes_its_sockets(house: House) -> None:
    token, other = await house.mint(), await house.connected()
    client = Client(await house.socket(Authorization=f"Bearer {token}"))
    assert await client.next() == {"type": "connected"}
    assert (await house.call("DELETE", "/api/auth/token", token=token)).code == 200
    async with asyncio.timeout(1):
        assert await client.until_closed() == (1008, "the token has been revoked or has expired")
    assert await other.ask({"type": "ping"}) == {"type": "pong"}
