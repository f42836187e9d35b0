"""Forms: how the parts of a request fill a message, for every route there is."""

from typing import Any

import msgspec
import pytest

from clawft.domain.tokens import Caller
from clawft.errors import Invalid
from clawft.messages.config import PutConfig
from clawft.messages.cron import UpdateJob
from clawft.messages.delegation import GetHistory, PutRule
from clawft.messages.memory import SearchMemory
from clawft.messages.voice import PutVoiceSettings
from clawft.runtime import Ask
from clawft.web.form import Form
from clawft.web.routes import ROUTES, Route

FORMS = {form.route.message.__name__: form for form in map(Form, ROUTES)}
CONFIG = {
    "agents": {"defaults": {"model": "claude-sonnet-4", "max_tokens": 4096, "temperature": 0.7}},
    "providers": {
        "anthropic": {"api_key_set": True, "api_base": "https://api.anthropic.com", "enabled": True}
    },
    "channels": {"discord": {"enabled": True}},
    "gateway": {"api_port": 3100, "api_enabled": True},
}
RULE = {"name": "r", "pattern": "code*", "target": "coder", "complexity_threshold": 1, "priority": 0}


def read(name: str, body: Any = None, *, path: Any = None, caller: Caller | None = None, **query: str) -> Any:
    raw = b"" if body is None else msgspec.json.encode(body)
    texts = {key: [value.encode()] for key, value in query.items()}
    return FORMS[name].read(path or {}, texts, raw, caller)


def refused(name: str, body: Any = None, **more: Any) -> str:
    with pytest.raises(Invalid) as told:
        read(name, body, **more)
    return str(told.value)


def test_the_path_and_the_body_fill_one_message() -> None:
    assert read("UpdateJob", {"enabled": False}, path={"id": "cron-1"}) == UpdateJob("cron-1", enabled=False)


def test_what_a_job_reports_may_be_sent_back() -> None:
    whole = {
        "id": "cron-1",
        "name": "daily",
        "schedule": "0 * * * *",
        "enabled": True,
        "status": "idle",
        "timezone": "UTC",
        "last_run": "2026-02-24T10:00:00Z",
        "next_run": "2026-02-24T11:00:00Z",
        "payload": "hi",
    }
    kept = UpdateJob("cron-1", "daily", "0 * * * *", True, "UTC", "hi")
    assert read("UpdateJob", whole, path={"id": "cron-1"}) == kept


def test_the_path_wins_over_a_body_that_names_another() -> None:
    assert read("UpdateJob", {"id": "cron-2"}, path={"id": "cron-1"}).id == "cron-1"


def test_text_of_the_query_is_converted_and_strangers_are_passed_over() -> None:
    message = read("SearchMemory", q="auth", threshold="0.7", limit="5", utm_source="mail")
    assert message == SearchMemory("auth", 0.7, 5)
    assert read("GetHistory") == GetHistory()
    assert read("GetHistory", session="sess", offset="10") == GetHistory("sess", offset=10)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"q": "x", "threshold": "2"}, "$.threshold"),
        ({"q": "x", "threshold": "much"}, "$.threshold"),
        ({"q": "x", "limit": "0"}, "$.limit"),
        ({"q": "x", "limit": ""}, "$.limit"),
        ({"q": "x", "limit": "null"}, "$.limit"),
        ({"q": ""}, "$.q"),
        ({}, "`q`"),
    ],
)
def test_a_query_that_does_not_fit_is_named(query: dict[str, str], path: str) -> None:
    assert path in refused("SearchMemory", **query)


def test_null_is_a_word_where_words_are_wanted_and_a_time_has_a_zone() -> None:
    assert read("ListMemory", namespace="null").namespace == "null"
    for text in ("null", "0.5", "1700000000", "", "2026-02-24T10:00:00"):
        assert refused("GetCosts", since=text).endswith("- at `$.since`")
    assert read("GetCosts", since="2026-02-24T10:00:00Z").since.year == 2026


def test_a_query_that_is_no_text_is_refused() -> None:
    with pytest.raises(Invalid, match=r"not UTF-8 - at `\$.q`"):
        FORMS["SearchMemory"].read({}, {"q": [b"\xff"]}, b"", None)


def test_bodies_are_not_converted() -> None:
    assert "Expected `bool`, got `str` - at `$.enabled`" in refused(
        "UpdateJob", {"enabled": "true"}, path={"id": "x"}
    )


def test_numbers_in_the_path_are_numbers() -> None:
    assert read("ResendDeadLetter", path={"id": "17"}).id == 17
    assert refused("ResendDeadLetter", path={"id": "x17"}).endswith("- at `$.id`")


def test_the_whole_body_may_fill_one_field() -> None:
    message = read("PutRule", RULE)
    assert isinstance(message, PutRule)
    assert message.rule.pattern == "code*"
    assert refused("PutRule", {**RULE, "priority": "high"}).endswith("- at `$.priority`")


def test_an_empty_body_does_not_reset_what_a_whole_one_replaces() -> None:
    assert refused("PutConfig") == "a body is needed - at `$`"


def test_the_contracts_config_is_taken_and_strangers_in_it_are_not() -> None:
    message = read("PutConfig", CONFIG)
    assert isinstance(message, PutConfig)
    again = msgspec.to_builtins(message.config)
    assert {name: again[name] for name in CONFIG} == CONFIG
    for change, path in (
        ({"extra": 1}, "$.extra"),
        ({"providers": {"x": {"key": "k"}}}, "$.providers.x.key"),
        ({"agents": {"defaults": {"temprature": 1}}}, "$.agents.defaults.temprature"),
    ):
        assert refused("PutConfig", {**CONFIG, **change}) == f"there is no such member - at `{path}`"


def test_names_are_those_of_the_contract() -> None:
    assert read("PutVoiceSettings", {"wakeWordEnabled": True}) == PutVoiceSettings(wake_word_enabled=True)
    assert refused("PutVoiceSettings", {"wake_word_enabled": True}).endswith("- at `$.wake_word_enabled`")


def test_the_caller_is_never_read_from_the_body() -> None:
    me = Caller("local")
    assert read("MintToken", {"name": "x"}, caller=me).caller is me
    assert refused("MintToken", {"caller": {"via": "secret"}}, caller=me).endswith("- at `$.caller`")
    assert read("VerifyToken", caller=me).caller is me


def test_a_body_where_none_is_wanted_may_be_empty_and_no_more() -> None:
    assert read("StartAgent", {}, path={"id": "a"}).id == "a"
    assert refused("StartAgent", {"force": True}, path={"id": "a"}).endswith("- at `$.force`")


def test_a_route_that_names_a_field_there_is_not_is_refused_at_the_start() -> None:
    class Odd(Ask[int], frozen=True):
        key: str

    with pytest.raises(TypeError, match="Odd has no name"):
        Form(Route("GET", "/api/odd/:name", "x", Odd, "read"))
    with pytest.raises(TypeError, match="Odd has no whole"):
        Form(Route("POST", "/api/odd/:key", "x", Odd, "read", body="whole"))


def test_no_two_routes_are_the_same() -> None:
    ways = [(route.method, route.path) for route in ROUTES]
    assert len(set(ways)) == len(ways)
    messages = [route.message for route in ROUTES]
    assert len(set(messages)) == len(messages)
