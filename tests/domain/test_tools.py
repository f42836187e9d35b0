"""The rules for a tool's arguments and results."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain.tools import ToolResult, argument_check, capped
from clawft.errors import Invalid

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "limit": {"type": "integer", "minimum": 1},
        "where": {"type": "object", "required": ["line"], "properties": {"line": {"type": "integer"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["path"],
    "additionalProperties": False,
}


def complaint(arguments: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> str | None:
    return argument_check(schema)(arguments)


def test_arguments_that_fit_are_not_complained_about() -> None:
    assert complaint({"path": "a", "limit": 3, "where": {"line": 1}, "tags": ["x"]}) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "the argument `path` is missing"),
        ({"path": "a", "where": {}}, "the argument `where.line` is missing"),
        ({"path": "a", "limit": "3"}, "the argument `limit` is wrong: '3' is not of type 'integer'"),
        ({"path": "a", "limit": True}, "the argument `limit` is wrong: True is not of type 'integer'"),
        ({"path": "a", "tags": ["x", 1]}, "the argument `tags[1]` is wrong: 1 is not of type 'string'"),
    ],
)
def test_a_complaint_names_the_member(arguments: dict[str, Any], said: str) -> None:
    assert complaint(arguments) == said


def test_an_unknown_argument_is_answered_with_the_known_ones() -> None:
    said = complaint({"path": "a", "lines": 3})
    assert said is not None
    assert "'lines'" in said
    assert "`path`, `limit`, `where`, `tags`" in said


def test_a_complaint_about_a_huge_value_stays_short() -> None:
    said = complaint({"path": "a", "limit": "x" * 100_000})
    assert said is not None
    assert len(said) < 300


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({}, "$.parameters.type"),
        ({"type": "array"}, "$.parameters.type"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "$.parameters.properties.a.type"),
        ({"type": "object", "required": "path"}, "$.parameters.required"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "$.parameters.properties.a.pattern"),
        ({"type": "object", "description": "x" * 70_000}, "$.parameters"),
    ],
)
def test_what_is_no_schema_of_an_object_is_refused_with_its_path(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        argument_check(schema)
    assert refused.value.path == path


def test_a_reference_to_elsewhere_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("urllib.request.urlopen", fetched)
    elsewhere = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}}
    said = complaint({"a": 1}, elsewhere)
    assert said is not None
    assert "leads nowhere" in said


def test_a_schema_that_refers_to_itself_for_ever_is_a_complaint() -> None:
    endless = {"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert complaint({}, endless) is not None


def test_a_short_result_is_left_alone() -> None:
    result = ToolResult("grüße", is_error=True)
    assert capped(result) == result


def test_a_long_result_keeps_its_head_and_tail_and_says_what_is_missing() -> None:
    cut = capped(ToolResult("a" * 600 + "b" * 600, is_error=True), limit=400)
    assert cut.content == "a" * 200 + "\n[… 800 bytes left out …]\n" + "b" * 200
    assert cut.truncated
    assert cut.is_error


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())), st.integers(2, 60))
def test_a_capped_result_is_valid_text_and_bounded(text: str, limit: int) -> None:
    cut = capped(ToolResult(text), limit=limit)
    assert len(cut.content.encode()) <= limit + 60
    assert cut.truncated == (len(text.encode("utf-8", "replace")) > limit)
