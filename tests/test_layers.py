"""Imports point down: `runtime, domain <- messages, store, drivers <- actors <- web <- the ways in`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "clawft"

MAY_IMPORT = {
    "runtime": set(),
    "domain": set(),
    "messages": {"runtime", "domain"},
    "store": {"runtime", "domain", "messages"},
    "drivers": {"domain"},
    "actors": {"runtime", "domain", "messages", "store", "drivers"},
    "web": {"runtime", "domain", "messages"},
}
"""Each room and the rooms below it. The ways in are beside the rooms."""
OPEN_TO_ALL = {"errors", "__version__"}

THREADS = {"threading", "asyncio", "concurrent", "multiprocessing", "subprocess", "signal"}
FILES = {"os", "pathlib", "shutil", "tempfile", "sqlite3", "peewee", "logging"}
REST = {"time", "socket", "tornado", "pykka", "psutil", "sounddevice"}
FORBIDDEN_IN_DOMAIN = THREADS | FILES | REST
FOREIGN_IN_RUNTIME = {"pykka", "msgspec"}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[str]:
    """Every module a file imports, also inside functions, as absolute names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "clawft" else (module,)


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def test_every_room_has_a_rule() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert rooms == {*MAY_IMPORT, "cli"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    allowed = {room, *OPEN_TO_ALL, *MAY_IMPORT[room]}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(room)
        for name in imports_of(path)
        if name.partition(".")[0] == "clawft"
        and name.split(".")[1:2] != []
        and name.split(".")[1] not in allowed
    ]
    assert sources(room)
    assert not wrong


def test_the_runtime_needs_only_pykka_and_msgspec() -> None:
    known = sys.stdlib_module_names | FOREIGN_IN_RUNTIME | {"clawft"}
    foreign = {
        name
        for path in sources("runtime")
        for name in imports_of(path)
        if name.partition(".")[0] not in known
    }
    assert not foreign


def test_the_domain_has_no_threads_files_clocks_or_sockets() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in sources("domain")
        for name in imports_of(path)
        if name.partition(".")[0] in FORBIDDEN_IN_DOMAIN
    ]
    assert not wrong


def test_peewee_stays_in_the_store() -> None:
    users = {
        room_of(path)
        for path in ROOT.rglob("*.py")
        if "peewee" in {n.partition(".")[0] for n in imports_of(path)}
    }
    assert users == {"store"}


def test_only_the_app_imports_the_actors() -> None:
    users = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if any(name.startswith("clawft.actors") for name in imports_of(path))
    }
    assert users <= {"actors", "app.py"}


def test_the_reader_of_imports_sees_those_inside_functions(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("def f():\n    from clawft import web\n    import clawft.actors.cron\n")
    assert list(imports_of(file)) == ["clawft.web", "clawft.actors.cron"]
