"""Canvas commands: what is one, what it does to the canvas."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain import canvas as rules
from clawft.domain.canvas import Board, CanvasElement, CanvasInteraction, parse, told
from clawft.domain.canvas_elements import KINDS, MAX_ELEMENT, checked_element
from clawft.errors import ClawftError, Conflict, NotFound, TooLarge

EXAMPLES: dict[str, dict[str, Any]] = {
    "text": {"content": "# Hi", "format": "markdown"},
    "button": {"label": "Save", "action": "save", "disabled": False},
    "input": {"label": "Name", "placeholder": "you", "value": ""},
    "image": {"src": "https://example.org/cat.png", "alt": "a cat"},
    "code": {"code": "print(1)", "language": "python"},
    "table": {"headers": ["a", "b"], "rows": [["x", 1], ["y", 2.5]]},
    "form": {
        "fields": [{"name": "n", "label": "N", "field_type": "email", "required": True, "placeholder": ""}],
        "submit_action": "send",
    },
    "chart": {
        "data": [{"label": "a", "value": 1}, {"label": "b", "value": 2.5}],
        "chartType": "pie",
        "title": "T",
        "colors": ["red"],
    },
    "code_editor": {"code": "x", "language": "js", "editable": True, "lineNumbers": False},
    "form_advanced": {
        "fields": [
            {"name": "age", "type": "number", "label": "Age", "required": True, "min": 0, "max": 150},
            {"name": "how", "type": "select", "label": "How", "options": ["a", "b"], "placeholder": "…"},
        ],
        "submitAction": "go",
    },
}


def element(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind} | EXAMPLES[kind] | members


def render(id: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"command": "render", "id": id, "element": element(kind)} | more


def refusal(act: Any, *arguments: Any) -> str:
    with pytest.raises(ClawftError) as refused:
        act(*arguments)
    return str(refused.value)


def test_every_kind_of_the_contract_has_an_example() -> None:
    assert set(KINDS) == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_element_keeps_what_was_said(kind: str) -> None:
    emitted = checked_element(element(kind))
    wanted = msgspec.json.decode(msgspec.json.encode(element(kind)))
    assert {name: emitted[name] for name in wanted if name != "fields"} == {
        name: value for name, value in wanted.items() if name != "fields"
    }
    for number, field in enumerate(wanted.get("fields", ())):
        assert field.items() <= emitted["fields"][number].items()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_was_emitted_is_accepted_and_emitted_the_same(kind: str) -> None:
    emitted = checked_element(element(kind))
    assert checked_element(emitted) == emitted
    assert checked_element(msgspec.json.decode(msgspec.json.encode(emitted))) == emitted
    assert None not in emitted.values()


@pytest.mark.parametrize(
    ("kind", "snake", "camel", "value"),
    [
        ("chart", "chart_type", "chartType", "line"),
        ("code_editor", "line_numbers", "lineNumbers", True),
        ("form", "submit_action", "submitAction", "go"),
        ("form_advanced", "submit_action", "submitAction", "go"),
    ],
)
def test_both_spellings_are_accepted_and_both_are_emitted(
    kind: str, snake: str, camel: str, value: Any
) -> None:
    plain = {name: each for name, each in element(kind).items() if name not in (snake, camel)}
    for spelling in ({snake: value}, {camel: value}, {snake: value, camel: value}):
        emitted = checked_element(plain | spelling)
        assert (emitted[snake], emitted[camel]) == (value, value)


def test_fields_of_a_form_have_both_spellings_too() -> None:
    emitted = checked_element({"type": "form", "fields": [{"name": "a", "label": "A", "fieldType": "email"}]})
    assert (emitted["fields"][0]["field_type"], emitted["fields"][0]["fieldType"]) == ("email", "email")
    assert "submit_action" not in emitted


def test_two_spellings_that_disagree_are_refused() -> None:
    said = refusal(checked_element, element("chart", chartType="bar", chart_type="pie"))
    assert said.endswith("at `$.chart_type`")


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"type": "video"}, "$.type"),
        ({"content": "x"}, "$.type"),
        ({"type": ["text"]}, "$.type"),
        ({"type": "text"}, "$"),
        (element("text", content=5), "$.content"),
        (element("text", format="html"), "$.format"),
        (element("text", onclick="x"), "$"),
        (element("button", disabled="yes"), "$.disabled"),
        (element("table", rows=[["a"], [None]]), "$.rows[1][0]"),
        (element("chart", data=[{"label": "a", "value": float("nan")}]), "$.data[0].value"),
        (element("chart", data=[{"label": "a", "value": float("inf")}]), "$.data[0].value"),
        (element("chart", colors=[]), "$.colors"),
        (element("form", fields=[]), "$.fields"),
        (
            element("form", fields=[{"name": "a", "label": "A"}, {"name": "a", "label": "B"}]),
            "$.fields[1].name",
        ),
        (element("form_advanced", fields=[{"name": "a", "label": "A", "type": "date"}]), "$.fields[0].type"),
        (
            element("form_advanced", fields=[{"name": "a", "label": "A", "type": "select"}]),
            "$.fields[0].options",
        ),
        (element("image", src="javascript:alert(1)"), "$.src"),
        (element("image", src="data:text/html,<script>"), "$.src"),
        (element("image", src=" https://example.org/x"), "$.src"),
        (element("image", src="https://"), "$.src"),
        (element("image", src="https:///etc/passwd"), "$.src"),
        (element("image", src="//example.org/x"), "$.src"),
        (element("image", src="https://example.org/\nx"), "$.src"),
        (element("image", src="file:///etc/passwd"), "$.src"),
        (element("text", content=[[[[[[[[1]]]]]]]]), "$.content[0][0][0][0][0][0]"),
    ],
)
def test_a_wrong_element_is_refused_with_the_path(raw: dict[str, Any], path: str) -> None:
    assert refusal(checked_element, raw).endswith(f"at `{path}`")
    moved = path.replace("$", "$.element", 1)
    command = {"command": "render", "id": "a", "element": raw}
    assert refusal(parse, command).endswith(f"at `{moved}`")


@pytest.mark.parametrize(
    "src", ["http://a/b.png", "HTTPS://a", "data:image/png;base64,AAAA", "data:image/svg+xml,<svg/>"]
)
def test_images_may_come_from_the_web_or_be_inside(src: str) -> None:
    assert checked_element(element("image", src=src))["src"] == src


def test_a_huge_element_is_refused() -> None:
    rows = [["x" * 1000] * 100] * 10
    with pytest.raises(TooLarge, match=f"{MAX_ELEMENT:,}"):
        checked_element(element("table", rows=rows))


def test_the_id_inside_an_element_is_dropped() -> None:
    assert "id" not in checked_element(element("text", id="a"))


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], ""),
        ({"command": "paint"}, "$.command"),
        ({"command": "render", "element": element("text")}, "$.id"),
        ({"command": "render", "id": "a"}, "$.element"),
        ({"command": "update", "id": "a", "element": element("text"), "position": 1}, "$.position"),
        ({"command": "render", "id": "", "element": element("text")}, "$.id"),
        ({"command": "render", "id": "x" * 201, "element": element("text")}, "$.id"),
        ({"command": "render", "id": "\ud800", "element": element("text")}, "$.id"),
        ({"command": "render", "id": "a", "element": element("text"), "position": -1}, "$.position"),
        ({"command": "remove"}, "$.id"),
        ({"command": "remove", "id": "a", "element": {}}, "$.element"),
        ({"command": "reset", "id": "a"}, "$.id"),
        ({"command": "reset", "colour": "red"}, "$"),
        ({"command": "batch"}, "$.commands"),
        ({"command": "batch", "commands": []}, "$.commands"),
        ({"command": "batch", "commands": [{"command": "reset"}] * 101}, "$.commands"),
        ({"command": "batch", "commands": [{"command": "reset", "x": 1}]}, "$.commands[0]"),
        ({"command": "batch", "commands": [{"command": "batch", "commands": []}]}, "$.commands[0]"),
        (
            {"command": "batch", "commands": [render("a"), render("b") | {"element": {"type": "text"}}]},
            "$.commands[1].element",
        ),
    ],
)
def test_a_wrong_command_is_refused_with_the_path(raw: object, path: str) -> None:
    said = refusal(parse, raw)
    assert not path or said.endswith(f"at `{path}`")


def test_a_bottomless_batch_is_refused() -> None:
    raw: dict[str, Any] = {"command": "reset"}
    for _ in range(3000):
        raw = {"command": "batch", "commands": [raw]}
    assert refusal(parse, raw)


def drawn(*commands: dict[str, Any], on: Board | None = None, session: str = "sess-1") -> Board:
    canvas = on or Board()
    for command in commands:
        canvas = canvas.after(parse(command), session)
    return canvas


def ids(canvas: Board) -> list[str]:
    return [each.id for each in canvas.elements]


def test_elements_stand_in_the_order_they_were_drawn_or_where_they_were_put() -> None:
    canvas = drawn(render("a"), render("b"), render("c", position=0), render("d", position=99))
    assert ids(canvas) == ["c", "a", "b", "d"]
    assert ids(drawn(render("b"), on=canvas)) == ["c", "a", "b", "d"]
    assert ids(drawn(render("b", position=0), on=canvas)) == ["b", "c", "a", "d"]


def test_update_replaces_remove_takes_away_reset_takes_all() -> None:
    canvas = drawn(render("a"), render("b"), {"command": "update", "id": "a", "element": element("button")})
    changed = canvas.get("a")
    assert changed is not None
    assert changed.element["type"] == "button"
    assert ids(drawn({"command": "remove", "id": "a"}, on=canvas)) == ["b"]
    assert len(drawn({"command": "reset"}, on=canvas)) == 0
    assert ids(canvas) == ["a", "b"], "a canvas never changes"


@pytest.mark.parametrize(
    "command",
    [{"command": "remove", "id": "x"}, {"command": "update", "id": "x", "element": element("text")}],
)
def test_what_is_not_there_is_neither_updated_nor_removed(command: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match=r"'x' - at `\$\.id`"):
        drawn(render("a"), command)


def test_a_batch_happens_whole_or_not_at_all() -> None:
    canvas = drawn(render("a"))
    batch = {
        "command": "batch",
        "commands": [{"command": "reset"}, render("b"), {"command": "remove", "id": "a"}],
    }
    with pytest.raises(NotFound, match=r"commands\[2\]\.id"):
        drawn(batch, on=canvas)
    assert ids(canvas) == ["a"]
    good = {"command": "batch", "commands": [render("b"), {"command": "remove", "id": "a"}]}
    assert ids(drawn(good, on=canvas)) == ["b"]


def test_an_element_belongs_to_the_session_that_drew_it_last() -> None:
    canvas = drawn(render("a"), session="sess-1")
    change = {"command": "update", "id": "a", "element": element("button")}
    assert drawn(change, on=canvas, session="sess-2").elements[0].session_key == "sess-2"
    assert drawn(change, on=canvas, session="").elements[0].session_key == "sess-1"


def test_a_full_canvas_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_ELEMENTS", 3)
    canvas = drawn(render("a"), render("b"), render("c"))
    with pytest.raises(Conflict, match="3 elements"):
        drawn(render("d"), on=canvas)
    assert len(drawn(render("c"), on=canvas)) == 3
    monkeypatch.setattr(rules, "MAX_BYTES", 200)
    with pytest.raises(Conflict, match="200 bytes"):
        drawn({"command": "update", "id": "a", "element": element("text", content="x" * 200)}, on=canvas)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["render", "remove", "reset"]), st.integers(0, 4))
    )
)
def test_a_canvas_drawn_anew_from_its_elements_is_the_same(steps: list[tuple[str, str, int]]) -> None:
    canvas = Board()
    for id, command, position in steps:
        raw = {
            "render": render(id, position=position),
            "remove": {"command": "remove", "id": id},
            "reset": {"command": "reset"},
        }
        try:
            canvas = canvas.after(parse(raw[command]))
        except NotFound:
            assert canvas.get(id) is None
    again = Board(canvas.elements)
    redrawn = drawn(
        *({"command": "render", "id": each.id, "element": each.element} for each in again.elements)
    )
    assert ids(redrawn) == ids(canvas)
    assert len(set(ids(canvas))) == len(canvas)


def test_an_interaction_is_told_in_words() -> None:
    button = CanvasElement("b1", checked_element(element("button")))
    assert told(CanvasInteraction("click", "b1"), button.element) == (
        '[canvas] The user clicked the button \'Save\' (element `b1`). Data: {"action":"save"}'
    )
    form = checked_element(element("form"))
    said = told(CanvasInteraction("form_submit", "f", {"values": {"n": "grün"}}), form)
    assert said == '[canvas] The user submitted the form (element `f`). Data: {"values":{"n":"grün"}}'


def test_a_huge_interaction_is_cut_and_counted() -> None:
    said = told(
        CanvasInteraction("input_submit", "i", {"value": "x" * 50_000}), checked_element(element("input"))
    )
    assert len(said) < 17_000
    assert "characters left out" in said
