"""Files that define agents."""

from pathlib import Path

import pytest

from clawft.domain.agents import AgentFile
from clawft.drivers.agent_files import AgentFolder

TOML = 'name = "writer"\ndescription = "Writes"\nskills = ["summarise"]\n[config]\nmax_tokens = 100\n'
YAML = "name: writer\ndescription: Writes\nskills: [summarise]\nconfig: {max_tokens: 100}\n"


def only(folder: Path) -> AgentFile:
    files = AgentFolder(folder).changes()
    assert files is not None
    [file] = files
    return file


@pytest.mark.parametrize(("name", "text"), [("w.toml", TOML), ("w.yaml", YAML), ("w.yml", YAML)])
def test_both_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    spec = only(tmp_path).spec
    assert spec is not None
    assert (spec.key, spec.description, spec.skills, spec.tools) == ("writer", "Writes", ("summarise",), None)
    assert (spec.config, spec.source) == ({"max_tokens": 100}, "file")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.toml", "name = ", "end of document"),
        ("a.toml", 'name = "a"\nskills = "one"', "$.skills"),
        ("a.toml", 'name = "a"\nprompt = "one"', "prompt"),
        ("a.yaml", "description: x\nname: [", "line 2"),
        ("a.yaml", "name: 7", "$.name"),
        ("a.yaml", "name: a\nname: b", "twice"),
        ("a.yaml", "? [a, b]\n: 1", ""),
        ("a.yaml", "skills: &s [x]\ntools: *s", "aliases"),
        ("a.yaml", "", "members"),
        ("a.yaml", "!!python/object/apply:os.system ['true']", "constructor"),
        ("my agent.toml", "", "$.name"),
    ],
)
def test_a_broken_file_says_which_file_and_what_is_wrong(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / name).write_text(text)
    file = only(tmp_path)
    assert file.spec is None
    assert file.error.startswith(f"{name}: ")
    assert why in file.error


def test_text_that_is_no_text_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"name = '\xff'")
    assert "UTF-8" in only(tmp_path).error
    (tmp_path / "a.toml").write_text("#" * 300_000)
    assert "256 KiB" in only(tmp_path).error


def test_other_files_and_hidden_ones_are_no_agents(tmp_path: Path) -> None:
    for name in ("notes.md", "a.toml~", ".a.toml", "a.json"):
        (tmp_path / name).write_text(TOML)
    (tmp_path / "folder.toml").mkdir()
    assert AgentFolder(tmp_path).changes() == ()


def test_the_folder_is_read_again_only_when_something_changed(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path)
    assert folder.changes() == ()
    assert folder.changes() is None
    (tmp_path / "a.toml").write_text(TOML)
    assert len(folder.changes() or ()) == 1
    assert folder.changes() is None
    (tmp_path / "a.toml").write_text(TOML + "\n")
    assert len(folder.changes() or ()) == 1
    (tmp_path / "a.toml").unlink()
    assert folder.changes() == ()


def test_no_folder_is_no_agents(tmp_path: Path) -> None:
    assert AgentFolder(tmp_path / "none").changes() == ()


def test_a_fresh_host_gets_its_agent_as_a_file(tmp_path: Path) -> None:
    AgentFolder(tmp_path / "agents").write_default()
    spec = only(tmp_path / "agents").spec
    assert spec is not None
    assert (spec.key, spec.model, spec.tools) == ("general-agent", "", None)
