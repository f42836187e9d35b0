"""A turn over REST: named by its request, told step by step, taken once by its key."""

from pathlib import Path

from tests.scenarios.process import HostProcess, serving


def test_a_turn_tells_its_story_and_its_request(host: HostProcess) -> None:
    key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    host.ok("POST", "/api/memory", {"key": "gate-code", "value": "4711"})
    body = {"content": 'Use the memory_read tool with {"key": "gate-code"}'}
    answer = host.call("POST", f"/api/sessions/{key}/messages", body, X_Request_Id="my-request-1")
    assert (answer.status, answer.headers["x-request-id"]) == (200, "my-request-1")
    (turn,) = host.ok("GET", f"/api/sessions/{key}/turns")
    story = host.ok("GET", f"/api/sessions/{key}/turns/{turn['id']}")
    assert (story["status"], story["reason"], story["request_id"]) == ("done", "answered", "my-request-1")
    assert [step["kind"] for step in story["steps"]] == ["model", "tool", "model"]
    tool = story["steps"][1]
    assert (tool["name"], tool["status"]) == ("memory_read", "done")
    part = host.ok("GET", f"/api/sessions/{key}/results/{tool['call_id']}?limit=4")
    assert (part["content"], part["size"]) == (tool["result"][:4], tool["result_size"])
    assert host.call("GET", f"/api/sessions/{key}/turns/turn-no").status == 404
    assert host.call("GET", f"/api/sessions/{key}/results/call-no").status == 404


def test_a_message_without_a_name_of_its_own_is_given_one(host: HostProcess) -> None:
    key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
    answer = host.call("POST", f"/api/sessions/{key}/messages", {"content": "Hello"}, X_Request_Id="b@d name")
    assert answer.headers["x-request-id"].startswith("req-")


def test_a_key_is_answered_with_the_same_after_kill_9(data_dir: Path) -> None:
    with serving(data_dir) as host:
        key = host.ok("POST", "/api/sessions", {"agent_id": "general-agent"})["key"]
        path, body = f"/api/sessions/{key}/messages", {"content": "Hello"}
        first = host.call("POST", path, body, Idempotency_Key="once-1")
        assert host.call("POST", path, body, Idempotency_Key="once-1").body == first.body
        host.kill()
    with serving(data_dir) as host:
        assert host.call("POST", path, body, Idempotency_Key="once-1").body == first.body
        other = host.call("POST", path, {"content": "Goodbye"}, Idempotency_Key="once-1")
        assert (other.status, other.body["error"]["code"]) == (409, "conflict")
        assert len(host.ok("GET", f"/api/sessions/{key}")["messages"]) == 2
