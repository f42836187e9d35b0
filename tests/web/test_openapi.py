"""OpenAPI: valid, complete, and closed where the forms are."""

import json
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from clawft.web.form import Form
from clawft.web.openapi import document
from clawft.web.routes import ROUTES
from tests.web.house import House

DOCUMENT: dict[str, Any] = document([Form(route) for route in ROUTES], "1.0")

ONLY_SENT = (
    "AgentSpec.tools",
    "ProviderConfig.api_key",
    "PolicyChange.time_limit",
    "PolicyChange.cost_limit_usd",
)
"""Members that may be null in what a client sends, and are never answered so."""


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_route_is_in_it_with_its_answer_and_its_errors() -> None:
    for route in ROUTES:
        operation = DOCUMENT["paths"][Form(route).template][route.method.lower()]
        assert operation["operationId"] == route.message.__name__
        assert operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert operation["responses"]["404"] == {"$ref": "#/components/responses/Problem"}
        assert bool(operation["security"]) == (route.scope != "open") or route.path == "/api/auth/token"
        assert operation["summary"].endswith((".", "!"))


def test_the_caller_is_not_a_parameter() -> None:
    mint = DOCUMENT["paths"]["/api/auth/token"]["post"]
    schema = mint["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"scopes", "ttl", "name"}
    assert not mint["requestBody"]["required"]


def test_bodies_are_closed_and_say_what_may_be_sent_back() -> None:
    put = DOCUMENT["paths"]["/api/cron/{id}"]["put"]
    schema = put["requestBody"]["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] is False
    assert {"id", "status", "last_run", "next_run", "name", "schedule"} <= set(schema["properties"])
    assert DOCUMENT["components"]["schemas"]["ConfigData"]["additionalProperties"] is False


def test_no_answer_has_a_null() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for member, inner in schema.get("properties", {}).items():
            nullable = {"type": "null"} in inner.get("anyOf", ())
            assert not nullable or f"{name}.{member}" in ONLY_SENT


def test_times_are_times() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, member in (
        ("ChatMessage", "timestamp"),
        ("CronJob", "last_run"),
        ("AgentDetail", "created_at"),
    ):
        assert schemas[name]["properties"][member] == {"type": "string", "format": "date-time"}
    (since,) = DOCUMENT["paths"]["/api/monitoring/costs"]["get"]["parameters"]
    assert since["schema"] == {"type": "string", "format": "date-time"}


async def test_it_is_served_to_whoever_may_read(house: House) -> None:
    assert (await house.call("GET", "/api/openapi.json", token=None)).code == 401
    answer = await house.call("GET", "/api/openapi.json")
    assert json.loads(answer.body)["info"]["title"] == "clawft"
