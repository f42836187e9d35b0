"""Routes: each says who may, and is understood by whom it is asked of."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from clawft.app import App, Options
from clawft.runtime import Actor, System
from clawft.web.router import Paths
from clawft.web.routes import ROUTES
from clawft.web.server import check_routes
from tests.web.house import IN_HOUSE, House

REFERENCE = """
POST /api/auth/token
GET /api/auth/verify
GET /api/agents
GET /api/agents/:id
POST /api/agents/:id/start
POST /api/agents/:id/stop
GET /api/sessions
GET /api/sessions/:key
POST /api/sessions
GET /api/sessions/:key/export
DELETE /api/sessions/:key
POST /api/sessions/:key/messages
GET /api/tools
GET /api/tools/:name/schema
GET /api/skills
POST /api/skills/install
DELETE /api/skills/:name
GET /api/skills/registry/search
GET /api/memory
GET /api/memory/search
POST /api/memory
DELETE /api/memory/:key
GET /api/config
PUT /api/config
GET /api/cron
POST /api/cron
PUT /api/cron/:id
DELETE /api/cron/:id
POST /api/cron/:id/run
GET /api/channels
GET /api/delegation/active
GET /api/delegation/rules
PATCH /api/delegation/rules
DELETE /api/delegation/rules/:name
GET /api/delegation/history
GET /api/monitoring/token-usage
GET /api/monitoring/costs
GET /api/monitoring/pipeline-runs
GET /api/voice/status
PUT /api/voice/settings
POST /api/voice/test-mic
POST /api/voice/test-speaker
GET /api/health
"""


def test_every_endpoint_of_the_reference_is_a_route() -> None:
    ways = {f"{route.method} {route.path}" for route in ROUTES}
    reference = set(REFERENCE.split("\n")[1:-1])
    assert len(reference) == 43
    assert reference <= ways


async def test_every_route_is_understood_by_its_actor(tmp_path: Path) -> None:
    app = App(Options(tmp_path, port=0))
    try:
        await app.start()
        check_routes(app.system, ROUTES)
    finally:
        await app.stop()


async def test_the_server_does_not_start_with_a_route_nobody_understands(tmp_path: Path) -> None:
    astray = replace(IN_HOUSE[0], actor="sessions")
    with pytest.raises(TypeError, match="sessions does not understand MintToken"):
        async with House(tmp_path, routes=(astray,)):
            pass


async def test_the_server_does_not_start_with_a_route_without_a_scope() -> None:
    system = System("routes-test")
    system.attach()
    system.spawn(Actor, "tokens")
    with pytest.raises(TypeError, match="says no scope"):
        check_routes(system, [replace(IN_HOUSE[0], scope="")])
    await system.shutdown(2.0)


def test_names_in_a_path_are_one_segment_or_many() -> None:
    paths = Paths()
    for path in (
        "/api/actors",
        "/api/actors/*path/restart",
        "/api/sessions/:key",
        "/api/sessions/:key/turns",
    ):
        paths.add(path, path)
    assert paths.find("/api/actors") == ("/api/actors", {})
    assert paths.find("/api/actors/sessions/sess-1/restart") == (
        "/api/actors/*path/restart",
        {"path": "sessions/sess-1"},
    )
    assert paths.find("/api/sessions/x/turns") == ("/api/sessions/:key/turns", {"key": "x"})
    for path in (
        "/api/sessions/",
        "/api/sessions/x/",
        "/api/sessions/x/y",
        "/api",
        "",
        "/api/actors/restart",
    ):
        assert paths.find(path) is None
