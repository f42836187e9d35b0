"""Files that define agents: ``<data>/agents/*.toml``, ``*.yaml`` and ``*.yml``."""

import tomllib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from clawft.domain.agents import DEFAULT_AGENT, AgentFile, spec_from
from clawft.drivers import atomic
from clawft.errors import Invalid

LARGEST = 256 * 1024
"""Bytes one definition may have."""

DEFAULT_TEXT = f"""\
# The agent every fresh host has. Change it here: the host reads the file again within about a second.
name = "{DEFAULT_AGENT}"
description = "General purpose assistant"
system_prompt = "You are a helpful assistant. Use your tools when they help, and say what you do not know."
skills = []
# model = "..."     left out: agents.defaults.model of the config
# tools = ["..."]   left out: every tool of the host
"""

Stamp = tuple[tuple[str, int, int, int], ...]


class AgentFolder:
    """The folder of definitions. Reading it may block; do so off the loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Stamp | None = None

    def changes(self) -> tuple[AgentFile, ...] | None:
        """Every file as it is now, or None when nothing has changed since this was last asked."""
        paths = self._paths()
        stamp = tuple(_stamp(path) for path in paths)
        if stamp == self._seen:
            return None
        files = tuple(_read(path) for path in paths)
        self._seen = stamp
        return files

    def write_default(self) -> None:
        """Give a fresh host its agent, as a file, so that it can be read and changed like any other."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write(self._folder / f"{DEFAULT_AGENT}.toml", DEFAULT_TEXT.encode())

    def _paths(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        found = (
            path
            for path in self._folder.iterdir()
            if path.suffix in _PARSERS and not path.name.startswith(".")
        )
        return sorted(path for path in found if path.is_file())


def _stamp(path: Path) -> tuple[str, int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return path.name, 0, 0, 0
    return path.name, status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> AgentFile:
    try:
        return AgentFile(name=path.name, spec=spec_from(_PARSERS[path.suffix](_text(path)), path.stem))
    except Invalid as error:
        return AgentFile(name=path.name, error=f"{path.name}: {error}")
    except OSError as error:
        return AgentFile(name=path.name, error=f"{path.name}: {error.strerror}")


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Invalid(f"a definition has at most {LARGEST // 1024} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid("this is no UTF-8 text") from None


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid(str(error)) from None


def _yaml(text: str) -> object:
    try:
        loader = _Plain(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise Invalid(f"{error.problem}{line}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid(str(error)) from None


class _Plain(yaml.SafeLoader):
    """YAML without what surprises: aliases can grow without bound, of two equal keys one would be lost."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_PARSERS = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml}
