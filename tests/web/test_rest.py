"""REST: a request becomes a message, the answer its response, and every failure says what was wrong."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tornado.httpclient import HTTPResponse

from tests.web.house import IN_HOUSE, House, Sessions


def problem(answer: HTTPResponse) -> tuple[int, str, str]:
    error = json.loads(answer.body)["error"]
    assert set(json.loads(answer.body)) == {"error"}
    assert set(error) == {"code", "message"}
    assert answer.headers["Content-Type"] == "application/json"
    return answer.code, error["code"], error["message"]


async def test_a_message_is_answered_with_the_assistants(house: House) -> None:
    key = await house.session()
    answer = await house.call("POST", f"/api/sessions/{key}/messages", {"content": "hello"})
    assert answer.code == 200
    assert json.loads(answer.body) == {
        "role": "assistant",
        "content": "hello",
        "timestamp": "2026-02-24T10:00:00Z",
        "tool_calls": [],
    }


async def test_an_unknown_session_is_not_found(house: House) -> None:
    answer = await house.call("GET", "/api/sessions/nobody")
    assert problem(answer) == (404, "not_found", "no session has the key nobody")


async def test_an_encoded_slash_stays_in_its_segment(house: House) -> None:
    answer = await house.call("GET", "/api/sessions/a%2Fb%20c")
    assert problem(answer)[2] == "no session has the key a/b c"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/sessions/x/y/z", "/ws/nothing"])
async def test_an_unknown_path_is_a_json_404(house: House, path: str) -> None:
    assert problem(await house.call("GET", path))[:2] == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "BREW"])
async def test_a_method_the_path_does_not_know_names_those_it_knows(house: House, method: str) -> None:
    answer = await house.call(method, "/api/sessions", token=None)
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"{", ""),
        (b"[]", "$"),
        (b'{"agent_id": 3}', "$.agent_id"),
        (b'{"agent_id": ""}', "$.agent_id"),
        (b"{}", "agent_id"),
        (b'{"agent_id": "a", "agent": "b"}', "$.agent"),
        (b'{"agent_id": "a", "agent_id": "b"}', "agent_id"),
        (b'{"agent_id": NaN}', "NaN"),
        (b'{"agent_id": "\\ud800"}', "surrogate"),
        (b'{"agent_id": ' + b"[" * 100_000 + b"}", ""),
        (b'{"agent_id": 1' + b"0" * 5000 + b"}", "64 bits"),
        (b'\xff\xfe{"agent_id": "a"}', "UTF-8"),
    ],
)
async def test_a_bad_body_is_refused_and_named(house: House, raw: bytes, path: str) -> None:
    code, _, message = problem(await house.call("POST", "/api/sessions", raw=raw))
    assert code == 400
    assert path in message
    assert json.loads((await house.call("GET", "/api/sessions")).body) == []


async def test_a_body_that_is_not_json_is_a_415(house: House) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {"Content-Type": kind}
        answer = await house.call("POST", "/api/sessions", raw=b'{"agent_id":"a"}', headers=headers)
        assert problem(answer)[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize("size", [1_048_577, 3_000_000, 12_000_000])
async def test_a_body_that_is_too_large_is_a_413_that_its_sender_gets_to_read(
    house: House, size: int
) -> None:
    head = (
        f"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
        f"Authorization: Bearer {house.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    body = b" " * (size if size < 8_000_000 else 1000)
    got = await house.raw(head.encode() + body)
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in got


async def test_a_chunked_body_is_measured_too(house: House) -> None:
    head = (
        f"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
        f"Authorization: Bearer {house.token}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    got = await house.raw(head.encode() + chunk * 20 + b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 413 ")


async def test_nobody_is_told_what_failed_inside(house: House) -> None:
    key = await house.session()
    answer = await house.call("POST", f"/api/sessions/{key}/messages", {"content": "fall"})
    assert problem(answer)[:2] == (500, "internal")
    assert b"shadow" not in answer.body
    assert b"Traceback" not in answer.body


async def test_a_client_that_goes_away_cancels_the_work(house: House) -> None:
    key = await house.session()
    body = b'{"content": "wait"}'
    head = (
        f"POST /api/sessions/{key}/messages HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
        f"Authorization: Bearer {house.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(head.encode() + body)
    await writer.drain()
    async with asyncio.timeout(5):
        await house.waiting.wait()
    writer.close()
    async with asyncio.timeout(5):
        await house.cancelled.wait()


async def test_patience_runs_out_as_a_504_and_the_work_is_stopped(tmp_path: Path) -> None:
    hasty = tuple(replace(route, patience=0.05) for route in IN_HOUSE)
    async with House(tmp_path, routes=hasty) as house:
        key = await house.session()
        answer = await house.call("POST", f"/api/sessions/{key}/messages", {"content": "wait"})
        assert problem(answer)[:2] == (504, "timeout")
        async with asyncio.timeout(5):
            await house.cancelled.wait()


async def test_head_is_get_without_its_body(house: House) -> None:
    whole, head = await house.call("GET", "/api/sessions"), await house.call("HEAD", "/api/sessions")
    assert head.code == 200
    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(whole.body))


async def test_options_names_the_methods_without_a_token(house: House) -> None:
    answer = await house.call("OPTIONS", "/api/sessions", token=None)
    assert answer.code == 200
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert json.loads(answer.body) == {"methods": ["GET", "POST", "HEAD", "OPTIONS"]}


async def test_every_answer_carries_the_headers(house: House) -> None:
    for path in ("/api/sessions", "/api/nothing", "/", "/api/openapi.json"):
        headers = (await house.call("GET", path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers
        assert headers["Cache-Control"] == ("no-cache" if path == "/" else "no-store")


async def test_a_stopped_actor_is_a_503(house: House) -> None:
    ref = house.system.find("sessions")
    ref.halt()
    async with asyncio.timeout(5):
        while ref.is_alive():
            await asyncio.sleep(0.01)
    answer = await house.call("GET", "/api/sessions")
    assert problem(answer)[:2] == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


class Narrow(Sessions):
    """One message at a time, and one that waits."""

    mailbox_limit = 1
    concurrency = 1


async def test_a_full_mailbox_is_a_429_that_says_when_to_come_back(tmp_path: Path) -> None:
    async with House(tmp_path, sessions=Narrow) as house:
        key = await house.session()
        calls = [house.call("POST", f"/api/sessions/{key}/messages", {"content": "wait"}) for _ in range(4)]
        waiting = [asyncio.ensure_future(call) for call in calls]
        done, _ = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        answer = done.pop().result()
        assert problem(answer)[:2] == (429, "busy")
        assert int(answer.headers["Retry-After"]) >= 1
        house.system.find("sessions").halt()


async def test_a_stopping_host_refuses_what_changes_something_and_still_answers_questions(
    house: House,
) -> None:
    house.server.refuse_new_work()
    assert problem(await house.call("POST", "/api/sessions", {"agent_id": "a"}))[:2] == (503, "unavailable")
    assert (await house.call("GET", "/api/sessions")).code == 200
