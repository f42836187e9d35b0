"""Arguments as a person types them."""

from typing import Any

import pytest

from clawft.drivers.models.arguments import typed_arguments

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "content": {"type": "string"},
        "limit": {"type": "integer"},
        "ratio": {"type": "number"},
        "all": {"type": "boolean"},
        "tags": {"type": "array"},
        "extra": {"type": "object"},
        "since": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "any": {"type": ["string", "integer"]},
    },
    "required": ["path", "content"],
}
LOOSE = {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("", {}),
        ('{"path": "a.txt", "limit": 3}', {"path": "a.txt", "limit": 3}),
        ("path=a.txt limit=20", {"path": "a.txt", "limit": 20}),
        ('path="a b.txt" content="x \\"y\\""', {"path": "a b.txt", "content": 'x "y"'}),
        ("path='a b.txt' ratio=0.5", {"path": "a b.txt", "ratio": 0.5}),
        ("all=yes", {"all": True}),
        ("all=False", {"all": False}),
        ("tags=a,b", {"tags": ["a", "b"]}),
        ('tags=["a", "b c"] path=x', {"tags": ["a", "b c"], "path": "x"}),
        ('extra={"a": 1}', {"extra": {"a": 1}}),
        ("since=null", {"since": None}),
        ("since=7", {"since": 7}),
        ("content=[draft]", {"content": "[draft]"}),
        ("any=7", {"any": 7}),
        ("any=seven", {"any": "seven"}),
        ("a.txt hello big world", {"path": "a.txt", "content": "hello big world"}),
        ("a.txt line one\nline two", {"path": "a.txt", "content": "line one\nline two"}),
        ("a.txt 'quoted words'", {"path": "a.txt", "content": "quoted words"}),
        ("a.txt limit=3", {"path": "a.txt", "limit": 3}),
        ("limit=3 path=a.txt it's x=y text", {"limit": 3, "path": "a.txt", "content": "it's x=y text"}),
    ],
)
def test_arguments_come_out_as_the_schema_types_them(typed: str, arguments: dict[str, Any]) -> None:
    assert typed_arguments(typed, SCHEMA) == arguments


def test_without_required_parameters_plain_text_fills_the_first() -> None:
    assert typed_arguments("notes/my list.md limit=2", LOOSE) == {"path": "notes/my list.md", "limit": 2}


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ('{"path": ', "no JSON"),
        ("limit=many", "`limit` should be integer, not 'many'"),
        ("ratio=nan", "`ratio` should be number"),
        ("all=perhaps", "`all` should be boolean"),
        ('path="open', "`path` does not end"),
        ("extra=[1]", "`extra`"),
        ("path=a content=b more", "one argument too many"),
        ("one limit=3 two", "belongs to no argument"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(typed: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("`", ".")):
        typed_arguments(typed, SCHEMA)


def test_a_tool_without_parameters_takes_no_text() -> None:
    assert typed_arguments("  ", {"type": "object"}) == {}
    with pytest.raises(ValueError, match="too many"):
        typed_arguments("now", {"type": "object"})
