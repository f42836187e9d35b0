"""What defines an agent, and which file wins."""

import pytest

from clawft.domain.agents import AgentFile, AgentSpec, Definition, briefed, settle, spec_from, unknown
from clawft.domain.config import OFFLINE_MODEL, AgentDefaults
from clawft.errors import Invalid


def file(name: str, agent: str | None = None, error: str = "") -> AgentFile:
    return AgentFile(name=name, spec=AgentSpec(name=agent, source="file") if agent else None, error=error)


def test_a_definition_without_a_name_takes_that_of_its_file() -> None:
    spec = spec_from({"description": "Writes"}, "writer")
    assert (spec.key, spec.description, spec.source) == ("writer", "Writes", "file")
    assert spec_from({"id": "agent-1", "name": "writer"}, "x").key == "agent-1"


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"skills": "review"}, r"\$.skills"),
        ({"name": "../etc"}, r"\$.name"),
        ({"id": "a/b"}, r"\$.id"),
        ({"promt": "x"}, "promt"),
        ({"source": "built-in"}, "source"),
        ({1: "x"}, "members"),
        (["a"], "members"),
        (None, "members"),
    ],
)
def test_a_wrong_member_is_named(members: object, path: str) -> None:
    with pytest.raises(Invalid, match=path):
        spec_from(members, "writer")


def test_files_define_agents_by_their_ids() -> None:
    found = settle([file("b.toml", "beta"), file("a.yaml", "alpha")], {}, ())
    assert {key: one.file for key, one in found.items()} == {"alpha": "a.yaml", "beta": "b.toml"}


def test_a_file_that_breaks_keeps_its_last_good_definition() -> None:
    before = settle([file("a.toml", "alpha")], {}, ())
    after = settle([file("a.toml", error="a.toml: no")], before, ())
    assert after == {"alpha": Definition("alpha", "a.toml", before["alpha"].spec, "a.toml: no")}
    assert settle([file("a.toml", "alpha")], after, ()) == before


def test_a_file_that_was_never_good_is_listed_under_its_own_name() -> None:
    assert settle([file("a.toml", error="no")], {}, ()) == {"a": Definition("a", "a.toml", None, "no")}


def test_the_first_of_two_files_for_one_agent_wins_and_the_other_is_not_overlooked() -> None:
    found = settle([file("alpha.yaml", "alpha"), file("alpha.toml", "alpha")], {}, ())
    assert found["alpha"].file == "alpha.toml"
    assert found["alpha.yaml"].spec is None
    assert "already defined" in found["alpha.yaml"].error


def test_a_file_does_not_take_an_agent_that_was_given_in_code() -> None:
    found = settle([file("alpha.toml", "alpha")], {}, ["alpha"])
    assert list(found) == ["alpha.toml"]
    assert found["alpha.toml"].error


def test_an_agent_that_moved_to_another_file_is_not_kept_twice() -> None:
    before = settle([file("a.toml", "alpha")], {}, ())
    after = settle([file("a.toml", error="no"), file("b.toml", "alpha")], before, ())
    assert after["alpha"].file == "b.toml"
    assert after["a"].error == "no"


def test_the_defaults_of_the_config_fill_what_a_definition_leaves_open() -> None:
    defaults = AgentDefaults(max_tokens=100, temperature=0.1)
    spec = briefed(AgentSpec(name="a", config={"temperature": 1.0, "mine": 1}), defaults)
    assert spec.model == OFFLINE_MODEL
    assert spec.config == {"max_tokens": 100, "temperature": 1.0, "mine": 1}
    assert briefed(AgentSpec(name="a", model="openai/x"), defaults).model == "openai/x"


def test_what_a_definition_names_and_the_host_has_not_is_said() -> None:
    assert unknown("tool", ("b", "a", "c"), ("b",)) == ("no tool has the name a", "no tool has the name c")
