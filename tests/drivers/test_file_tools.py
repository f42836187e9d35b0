"""The file tools as an agent uses them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clawft.domain.tools import ToolCall, argument_check
from clawft.drivers.tools.base import Tool
from clawft.drivers.tools.files import file_tools
from clawft.drivers.tools.workspace import Workspace
from clawft.errors import ClawftError, Invalid

R = TypeVar("R")


def in_a_thread(fn: Callable[..., R], /, *args: Any) -> Awaitable[R]:
    return asyncio.to_thread(fn, *args)


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, Tool]:
    return {tool.spec.name: tool for tool in file_tools(Workspace(tmp_path), in_a_thread)}


async def call(tools: dict[str, Tool], name: str, **arguments: Any) -> str:
    assert argument_check(tools[name].spec.parameters)(arguments) is None
    result = await tools[name].run(ToolCall(name, arguments, "sess-1", "general-agent"))
    assert not result.is_error
    return result.content


async def test_a_file_is_written_edited_read_and_listed(tools: dict[str, Tool]) -> None:
    assert await call(tools, "write_file", path="n/a.md", content="one\ntwo\n") == "created n/a.md (8 bytes)"
    assert (
        await call(tools, "edit_file", path="n/a.md", old="two", new="zwei") == "replaced 1 place in n/a.md"
    )
    assert await call(tools, "read_file", path="n/a.md") == "one\nzwei\n"
    assert await call(tools, "list_directory") == "n/"
    assert await call(tools, "list_directory", path="n") == "a.md  9 bytes"
    assert await call(tools, "write_file", path="n/a.md", content="") == "replaced n/a.md (0 bytes)"


async def test_offset_and_limit_choose_lines(tools: dict[str, Tool]) -> None:
    await call(tools, "write_file", path="a", content="1\n2\n3\n4\n")
    assert await call(tools, "read_file", path="a", offset=3) == "3\n4\n"
    assert await call(tools, "read_file", path="a", offset=2, limit=1) == "2\n"
    assert await call(tools, "read_file", path="a", limit=1) == "1\n"
    assert await call(tools, "read_file", path="a", offset=2.0, limit=2.0) == "2\n3\n"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe\x00a", b"caf\xe9 au lait"])
async def test_what_is_no_text_is_refused_kindly(tools: dict[str, Tool], tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(Invalid, match=r"x\.bin is not text"):
        await call(tools, "read_file", path="x.bin")


async def test_a_part_that_ends_within_a_character_is_still_text(tools: dict[str, Tool]) -> None:
    await call(tools, "write_file", path="long", content="a" + "ü" * 700_000)
    text = await call(tools, "read_file", path="long", limit=1)
    assert set(text) == {"a", "ü"}


async def test_half_a_character_is_not_written(tools: dict[str, Tool], tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"\$\.content"):
        await call(tools, "write_file", path="a", content="\ud800")
    assert list(tmp_path.iterdir()) == []


async def test_an_edit_that_changes_nothing_is_refused(tools: dict[str, Tool]) -> None:
    await call(tools, "write_file", path="a", content="same")
    with pytest.raises(Invalid, match="the same"):
        await call(tools, "edit_file", path="a", old="same", new="same")


async def test_no_error_tells_where_the_workspace_is(tools: dict[str, Tool], tmp_path: Path) -> None:
    for path in ("missing", "../up", "/etc/passwd", "a/b/c", "n" * 300, "nul\0"):
        with pytest.raises(ClawftError) as refused:
            await call(tools, "read_file", path=path)
        assert str(tmp_path) not in str(refused.value)


def test_the_schemas_describe_their_members(tools: dict[str, Tool]) -> None:
    assert sorted(tools) == ["edit_file", "list_directory", "read_file", "write_file"]
    schema = tools["read_file"].spec.parameters
    assert schema["required"] == ["path"]
    assert schema["additionalProperties"] is False
    assert "counted from 1" in schema["properties"]["offset"]["description"]
    assert {name: tool.spec.effect for name, tool in tools.items()} == {
        "read_file": "read",
        "list_directory": "read",
        "write_file": "write",
        "edit_file": "write",
    }
