"""A walk through every endpoint of the API reference, as a new user would take it with curl."""

import time
from typing import Any

import pytest

from tests.scenarios import shapes
from tests.scenarios.process import HostProcess
from tests.scenarios.shapes import Shape, mismatch

BUILT_IN_TOOLS = {
    "read_file",
    "write_file",
    "edit_file",
    "list_directory",
    "memory_read",
    "memory_write",
    "render_ui",
    "delegate_task",
}


def get(host: HostProcess, path: str, shape: Shape) -> Any:
    return checked(host.ok("GET", path), shape)


def do(host: HostProcess, method: str, path: str, shape: Shape, body: Any = None) -> Any:
    return checked(host.ok(method, path, body), shape)


def checked(body: Any, shape: Shape) -> Any:
    assert mismatch(body, shape) is None
    return body


@pytest.fixture
def session(host: HostProcess) -> str:
    made = do(host, "POST", "/api/sessions", shapes.SESSION_SUMMARY, {"agent_id": "general-agent"})
    return str(made["key"])


def test_a_token_is_minted_and_verified(host: HostProcess) -> None:
    minted = host.call("POST", "/api/auth/token", token="")
    assert minted.status == 200
    assert mismatch(minted.body, shapes.TOKEN) is None
    assert host.call("GET", "/api/auth/verify", token=minted.body["token"]).status == 200


@pytest.mark.parametrize("path", ["/api/auth/verify", "/api/agents", "/api/config", "/api/actors"])
@pytest.mark.parametrize("token", ["", "clawft_wrong", "nonsense"])
def test_without_a_good_token_nothing_is_answered(host: HostProcess, path: str, token: str) -> None:
    answer = host.call("GET", path, token=token)
    assert answer.status in (401, 429)
    assert mismatch(answer.body, shapes.ERROR) is None
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_fresh_host_has_a_running_general_agent(host: HostProcess) -> None:
    agents = get(host, "/api/agents", [shapes.AGENT_SUMMARY])
    assert [(agent["name"], agent["status"]) for agent in agents] == [("general-agent", "running")]
    detail = get(host, f"/api/agents/{agents[0]['id']}", shapes.AGENT_DETAIL)
    assert detail["created_at"] == agents[0]["created_at"]


def test_an_agent_stops_refuses_and_starts_again(host: HostProcess, session: str) -> None:
    for _ in range(2):  # both are idempotent
        do(host, "POST", "/api/agents/general-agent/stop", shapes.OK)
    assert host.ok("GET", "/api/agents/general-agent")["status"] == "stopped"
    refused = host.call("POST", f"/api/sessions/{session}/messages", {"content": "hello"})
    assert refused.status == 409
    assert mismatch(refused.body, shapes.ERROR) is None
    for _ in range(2):
        do(host, "POST", "/api/agents/general-agent/start", shapes.OK)
    assert host.ok("GET", "/api/agents/general-agent")["status"] == "running"
    do(host, "POST", f"/api/sessions/{session}/messages", shapes.CHAT_MESSAGE, {"content": "hello"})


def test_a_session_lives_from_post_to_delete(host: HostProcess, session: str) -> None:
    answer = do(host, "POST", f"/api/sessions/{session}/messages", shapes.CHAT_MESSAGE, {"content": "Hello"})
    assert answer["role"] == "assistant"
    assert answer["content"]
    assert answer["tool_calls"] == []
    detail = get(host, f"/api/sessions/{session}", shapes.SESSION_DETAIL)
    assert [(m["role"], m["content"]) for m in detail["messages"]] == [
        ("user", "Hello"),
        ("assistant", answer["content"]),
    ]
    assert detail["message_count"] == 2
    assert session in {s["key"] for s in get(host, "/api/sessions", [shapes.SESSION_SUMMARY])}
    exported = get(host, f"/api/sessions/{session}/export", shapes.SESSION_EXPORT)
    assert exported["messages"] == detail["messages"]
    do(host, "DELETE", f"/api/sessions/{session}", shapes.OK)
    assert host.call("GET", f"/api/sessions/{session}").status == 404


def test_a_model_calls_a_real_tool(host: HostProcess, session: str) -> None:
    order = 'Use the write_file tool with {"path": "note.txt", "content": "from a tool"}'
    answer = do(host, "POST", f"/api/sessions/{session}/messages", shapes.CHAT_MESSAGE, {"content": order})
    assert [call["name"] for call in answer["tool_calls"]] == ["write_file"]
    assert (host.data_dir / "workspace" / "note.txt").read_text() == "from a tool"


def test_the_tools_are_listed_with_their_schemas(host: HostProcess) -> None:
    tools = get(host, "/api/tools", [shapes.TOOL_INFO])
    assert {tool["name"] for tool in tools} >= BUILT_IN_TOOLS
    schema = get(host, "/api/tools/read_file/schema", dict)
    assert schema["type"] == "object"
    assert "path" in schema["properties"]
    assert host.call("GET", "/api/tools/nothing/schema").status == 404


def test_a_skill_is_found_installed_listed_and_removed(host: HostProcess) -> None:
    found = get(host, "/api/skills/registry/search?q=deploy", [shapes.REGISTRY_SKILL])
    assert found
    assert found[0]["signed"] is True
    do(host, "POST", "/api/skills/install", shapes.SUCCESS, {"id": found[0]["id"]})
    assert found[0]["name"] in {skill["name"] for skill in get(host, "/api/skills", [shapes.SKILL])}
    do(host, "DELETE", f"/api/skills/{found[0]['name']}", shapes.SUCCESS)
    assert found[0]["name"] not in {skill["name"] for skill in host.ok("GET", "/api/skills")}


def test_memory_is_kept_found_and_forgotten(host: HostProcess) -> None:
    entry = {
        "key": "pattern-auth",
        "value": "JWT with refresh tokens",
        "namespace": "patterns",
        "tags": ["jwt"],
    }
    made = do(host, "POST", "/api/memory", shapes.MEMORY, entry)
    assert {name: made[name] for name in entry} == entry
    assert "pattern-auth" in {e["key"] for e in get(host, "/api/memory", [shapes.MEMORY])}
    found = get(host, "/api/memory/search?q=auth&threshold=0.7", [shapes.MEMORY_FOUND])
    assert [e["key"] for e in found] == ["pattern-auth"]
    assert found[0]["similarity"] >= 0.85
    do(host, "DELETE", "/api/memory/pattern-auth", shapes.SUCCESS)
    assert host.call("DELETE", "/api/memory/pattern-auth").status == 404


def test_the_example_configuration_is_taken_and_comes_back(host: HostProcess) -> None:
    before = host.ok("GET", "/api/config")
    example: dict[str, Any] = {
        "agents": {"defaults": {"model": "claude-sonnet-4", "max_tokens": 4096, "temperature": 0.7}},
        "providers": {
            "anthropic": {"api_key_set": True, "api_base": "https://api.anthropic.com", "enabled": True}
        },
        "channels": {"discord": {"enabled": True}},
        "gateway": {"api_port": 3100, "api_enabled": True},
    }
    saved = host.ok("PUT", "/api/config", example)
    assert saved["success"] is True
    after = host.ok("GET", "/api/config")
    # Nobody gave a key, so none is set, whatever the body says.
    example["providers"]["anthropic"]["api_key_set"] = False
    assert {name: after[name] for name in example} == example
    assert host.ok("PUT", "/api/config", before)["success"] is True
    assert host.ok("GET", "/api/config") == before


def test_a_cron_job_is_made_changed_run_and_deleted(host: HostProcess) -> None:
    body = {"name": "my-job", "schedule": "0 * * * *", "enabled": True}
    job = do(host, "POST", "/api/cron", shapes.CRON_JOB, body)
    assert {name: job[name] for name in body} == body
    assert job["next_run"].endswith(":00:00Z")
    changed = do(host, "PUT", f"/api/cron/{job['id']}", shapes.CRON_JOB, {"enabled": False})
    assert changed["name"] == "my-job"
    assert changed["enabled"] is False
    # What GET shows may be sent back as it is.
    do(host, "PUT", f"/api/cron/{job['id']}", shapes.CRON_JOB, changed)
    do(host, "POST", f"/api/cron/{job['id']}/run", shapes.SUCCESS)
    assert job["id"] in {j["id"] for j in get(host, "/api/cron", [shapes.CRON_JOB])}
    do(host, "DELETE", f"/api/cron/{job['id']}", shapes.SUCCESS)
    assert host.call("POST", f"/api/cron/{job['id']}/run").status == 404


def test_a_wrong_schedule_is_refused_by_name(host: HostProcess) -> None:
    answer = host.call("POST", "/api/cron", {"name": "bad", "schedule": "61 * * * *", "enabled": True})
    assert answer.status in (400, 422)
    assert "schedule" in answer.body["error"]["message"]


def test_the_web_channel_is_listed(host: HostProcess) -> None:
    channels = get(host, "/api/channels", [shapes.CHANNEL])
    assert {"web", "voice"} <= {channel["name"] for channel in channels}


def test_delegation_rules_and_history(host: HostProcess, session: str) -> None:
    rule = {
        "name": "reviews",
        "pattern": "review_*|code-review",
        "target": "general-agent",
        "complexity_threshold": 1.0,
        "enabled": True,
        "priority": 1,
    }
    assert do(host, "PATCH", "/api/delegation/rules", shapes.RULE, rule) == rule
    assert rule in get(host, "/api/delegation/rules", [shapes.RULE])
    order = 'Use the delegate_task tool with {"task": "say hello", "target": "general-agent"}'
    do(host, "POST", f"/api/sessions/{session}/messages", shapes.CHAT_MESSAGE, {"content": order})
    get(host, "/api/delegation/active", [shapes.ACTIVE_DELEGATION])
    page = get(
        host,
        f"/api/delegation/history?session={session[:8]}&target=general&offset=0&limit=50",
        shapes.HISTORY,
    )
    assert [(item["status"], item["session_key"]) for item in page["items"]] == [("completed", session)]
    assert (page["total"], page["limit"], page["offset"]) == (1, 50, 0)
    assert get(host, "/api/delegation/history?session=no-such-session", shapes.HISTORY)["total"] == 0
    do(host, "DELETE", "/api/delegation/rules/reviews", shapes.SUCCESS)
    assert host.call("DELETE", "/api/delegation/rules/reviews").status == 404


def test_monitoring_adds_up_what_was_done(host: HostProcess, session: str) -> None:
    before = get(host, "/api/monitoring/token-usage", shapes.TOKEN_USAGE)
    host.ok("POST", f"/api/sessions/{session}/messages", {"content": "How are you?"})
    after = get(host, "/api/monitoring/token-usage", shapes.TOKEN_USAGE)
    assert after["total_requests"] == before["total_requests"] + 1
    assert after["total_input"] == sum(row["input_tokens"] for row in after["by_provider"])
    assert after["total_output"] == sum(row["output_tokens"] for row in after["by_session"])
    costs = get(host, "/api/monitoring/costs", shapes.COSTS)
    assert [tier["tier"] for tier in costs["by_tier"]] == [1, 2, 3]
    assert costs["total_cost_usd"] == 0
    runs = get(host, "/api/monitoring/pipeline-runs", [shapes.RUN])
    assert runs[0]["session_key"] == session
    assert runs[0]["status"] == "success"


def test_voice_tells_the_truth_about_the_device(host: HostProcess) -> None:
    status = get(host, "/api/voice/status", shapes.VOICE_STATUS)
    host.ok("PUT", "/api/voice/settings", {"language": "de"})
    assert get(host, "/api/voice/status", shapes.VOICE_STATUS)["settings"]["language"] == "de"
    began = time.monotonic()
    mic = do(host, "POST", "/api/voice/test-mic", shapes.MIC_TEST)
    speaker = do(host, "POST", "/api/voice/test-speaker", shapes.SPEAKER_TEST)
    assert time.monotonic() - began < 7
    if not status["available"]:
        assert (mic["success"], mic["level"], bool(mic["error"])) == (False, 0, True)
        assert (speaker["success"], bool(speaker["error"])) == (False, True)


def test_health_needs_no_token(host: HostProcess) -> None:
    health = host.call("GET", "/api/health", token="")
    assert health.status == 200
    assert mismatch(health.body, shapes.HEALTH) is None
    assert health.body["status"] == "healthy"
    assert health.body["agent_count"] >= 1
    assert health.body["tool_count"] >= len(BUILT_IN_TOOLS)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/agents/nobody"),
        ("POST", "/api/agents/nobody/start"),
        ("POST", "/api/agents/nobody/stop"),
        ("GET", "/api/sessions/sess-none"),
        ("GET", "/api/sessions/sess-none/export"),
        ("DELETE", "/api/sessions/sess-none"),
        ("DELETE", "/api/skills/none"),
        ("DELETE", "/api/cron/none"),
        ("GET", "/api/nothing-like-this"),
    ],
)
def test_what_does_not_exist_is_404(host: HostProcess, method: str, path: str) -> None:
    answer = host.call(method, path)
    assert answer.status == 404
    assert mismatch(answer.body, shapes.ERROR) is None


def test_a_session_with_an_unknown_agent_is_404(host: HostProcess) -> None:
    assert host.call("POST", "/api/sessions", {"agent_id": "nobody"}).status == 404


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        ("/api/sessions", {"agent_id": 3}, "agent_id"),
        ("/api/sessions", {}, "agent_id"),
        ("/api/memory", {"key": "k", "value": "v", "tags": "one"}, "tags"),
        ("/api/cron", {"name": "n", "schedule": "@hourly", "enabled": "yes"}, "enabled"),
    ],
)
def test_a_wrong_body_is_refused_by_the_name_of_the_member(
    host: HostProcess, path: str, body: Any, member: str
) -> None:
    answer = host.call("POST", path, body)
    assert answer.status in (400, 422)
    assert member in answer.body["error"]["message"]


def test_a_wrong_method_is_405_and_says_what_is_right(host: HostProcess) -> None:
    answer = host.call("PUT", "/api/agents")
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
