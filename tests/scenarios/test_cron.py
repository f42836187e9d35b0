"""Cron and the outbox on a whole host: from a job to a receiver outside, and what a restart makes of it."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.scenarios.process import HostProcess, serving


class Receiver(HTTPServer):
    """A webhook's receiver that answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.open = threading.Event()
        """While it is not set, what comes in is taken and not answered."""
        self.open.set()
        self.taken: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.server.open.wait(20)
        with suppress(OSError):  # whoever posted may be dead
            self._answer()

    def _answer(self) -> None:
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what it saw."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def eventually(look: Callable[[], Any], limit: float = 20.0) -> Any:
    """What ``look`` finds, once it finds something."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def configure(host: HostProcess, url: str) -> None:
    config = host.ok("GET", "/api/config")
    config["channels"]["hook"] = {"enabled": True, "type": "webhook", "settings": {"url": url}}
    host.ok("PUT", "/api/config", config)


def job_for(host: HostProcess, **payload: Any) -> str:
    body = {"name": "report", "schedule": "@yearly", "payload": json.dumps(payload)}
    return str(host.ok("POST", "/api/cron", body)["id"])


def delivery(host: HostProcess, state: str) -> Any:
    return eventually(lambda: host.ok("GET", f"/api/outbox?state={state}")["items"])[0]


def test_the_answer_of_a_job_reaches_a_receiver_that_can_check_it(data_dir: Path) -> None:
    with receiving() as receiver, serving(data_dir) as host:
        configure(host, receiver.url)
        job = job_for(host, message="hello", deliver="hook")
        host.ok("POST", f"/api/cron/{job}/run")
        sent = delivery(host, "sent")
        (run,) = host.ok("GET", f"/api/cron/{job}/runs")["items"]
        key = host.ok("GET", "/api/outbox/keys/hook")["key"]
        session = host.ok("GET", f"/api/sessions/{job}")
    assert run["state"] == "done"
    [(headers, body)] = receiver.taken
    assert json.loads(body)["content"] == session["messages"][-1]["content"]
    assert (headers["idempotency-key"], json.loads(body)["source"]) == (sent["id"], job)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    secret = base64.b64decode(key.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


def test_what_a_receiver_left_open_is_unknown_until_a_person_sends_it_again(data_dir: Path) -> None:
    with receiving() as receiver, serving(data_dir) as host:
        receiver.status = 500
        configure(host, receiver.url)
        job = job_for(host, message="hello", deliver="hook")
        host.ok("POST", f"/api/cron/{job}/run")
        unknown = delivery(host, "unknown")
        assert len(receiver.taken) == 1
        receiver.status = 200
        assert host.ok("POST", f"/api/outbox/{unknown['id']}/resend")["state"] == "queued"
        assert delivery(host, "sent")["id"] == unknown["id"]
    assert len({headers["idempotency-key"] for headers, _ in receiver.taken}) == 1


def test_what_nobody_took_waits_through_kill_9_and_arrives_once(data_dir: Path) -> None:
    with receiving() as receiver:
        receiver.status = 503
        with serving(data_dir) as host:
            configure(host, receiver.url)
            job = job_for(host, message="hello", deliver="hook")
            host.ok("POST", f"/api/cron/{job}/run")
            waits = '"next_attempt":'
            eventually(lambda: waits in json.dumps(host.ok("GET", "/api/outbox"), separators=(",", ":")))
            host.kill()
        receiver.status = 200
        with serving(data_dir) as host:
            sent = delivery(host, "sent")
        assert sent["attempts"] == len(receiver.taken)


def test_what_was_being_sent_at_kill_9_is_unknown_and_not_sent_again(data_dir: Path) -> None:
    with receiving() as receiver:
        receiver.open.clear()
        with serving(data_dir) as host:
            configure(host, receiver.url)
            host.ok("POST", f"/api/cron/{job_for(host, message='hello', deliver='hook')}/run")
            eventually(lambda: receiver.taken)
            host.kill()
        receiver.open.set()
        with serving(data_dir) as host:
            unknown = delivery(host, "unknown")
            assert "the host stopped while it was being sent" in unknown["detail"]
        assert len(receiver.taken) == 1


def test_a_job_may_be_sent_back_as_it_was_shown_and_a_wrong_policy_is_named(data_dir: Path) -> None:
    with serving(data_dir) as host:
        job = host.ok("POST", "/api/cron", {"name": "a", "schedule": "@hourly", "policy": {"missed": "all"}})
        path = f"/api/cron/{job['id']}"
        shown = host.ok("GET", path)
        assert (shown["reading"], len(shown["next_runs"])) == ("At the start of every hour (UTC)", 5)
        assert host.ok("PUT", path, shown) == job
        assert host.ok("PUT", path, {"policy": {"jitter": 5}})["policy"] == job["policy"] | {"jitter": 5}
        for policy, path_of_it in (({"missed": "never"}, "policy.missed"), ({"grase": 1}, "policy")):
            refused = host.call("PUT", path, {"policy": policy})
            assert refused.status in (400, 422)
            assert f"$.{path_of_it}" in refused.body["error"]["message"]
        seen = host.ok("POST", "/api/cron/preview", {"schedule": "once at 2099-01-01T09:00"})
        assert [moment["utc"] for moment in seen["next_runs"]] == ["2099-01-01T09:00:00Z"]
        assert host.call("POST", "/api/cron/preview", {"schedule": "never"}).status in (400, 422)


def test_a_tool_of_a_job_and_a_delivery_to_the_web(data_dir: Path) -> None:
    with serving(data_dir) as host:
        key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
        host.ok("POST", "/api/memory", {"key": "colour", "value": "blue"})
        job = job_for(
            host,
            tool="memory_read",
            arguments={"key": "colour"},
            deliver={"channel": "web", "to": key},
        )
        host.ok("POST", f"/api/cron/{job}/run")
        delivery(host, "sent")
        (message,) = host.ok("GET", f"/api/sessions/{key}")["messages"]
    assert message["role"] == "assistant"
    assert "blue" in message["content"]


def test_a_job_that_fails_again_and_again_is_told_by_health(data_dir: Path) -> None:
    with serving(data_dir) as host:
        job = job_for(host, tool="nothing")
        for count in range(1, 4):
            host.ok("POST", f"/api/cron/{job}/run")
            eventually(lambda count=count: host.ok("GET", f"/api/cron/{job}")["failures"] == count)  # type: ignore[misc]
        health = eventually(lambda: (h := host.ok("GET", "/api/health"))["reasons"] and h)
    assert health["status"] == "degraded"
    assert health["reasons"] == [f"the last 3 runs of the job 'report' ({job}) failed"]


def test_a_run_that_the_end_of_the_host_cuts_off_is_no_failure(data_dir: Path) -> None:
    with serving(data_dir) as host:
        tool = {"name": "slow", "description": "Waits for an answer.", "parameters": {"type": "object"}}
        host.ok("POST", "/api/tools", tool)
        job = job_for(host, tool="slow")
        host.ok("POST", f"/api/cron/{job}/run")
        assert host.stop() == 0
    with serving(data_dir) as host:
        (run,) = host.ok("GET", f"/api/cron/{job}/runs")["items"]
        assert run["state"] == "interrupted"
        assert host.ok("GET", f"/api/cron/{job}")["failures"] == 0
