"""The file tools: read, write, edit and list what is in the workspace."""

from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.tools import ToolCall, ToolResult, ToolSpec
from clawft.drivers.tools.base import Blocking, Tool, arguments_of, spec_of
from clawft.drivers.tools.workspace import MAX_READ, Entry, Workspace
from clawft.errors import Invalid

Path = Annotated[str, Meta(max_length=4096, description="Relative to the workspace, like notes/today.md")]


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read a text file from the workspace; offset and limit give a part of it."""

    path: Path
    offset: Annotated[int, Meta(ge=1, description="The first line to give, counted from 1")] = 1
    limit: Annotated[int, Meta(ge=0, description="How many lines to give; 0: all")] = 0


class WriteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Write a text file in the workspace, replacing what was there; folders on the way are made."""

    path: Path
    content: Annotated[str, Meta(description="The whole new content")]


class EditFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Replace a piece of a text file in the workspace; it must occur exactly once, unless all is true."""

    path: Path
    old: Annotated[str, Meta(min_length=1, description="The text to replace, exactly as it is in the file")]
    new: Annotated[str, Meta(description="The text to put in its place")]
    all: Annotated[bool, Meta(description="Replace every occurrence")] = False


class ListDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """List a folder of the workspace: names, kinds and sizes."""

    path: Path = "."


class FileTool:
    """A tool that is one blocking function of the workspace and the call."""

    def __init__(self, spec: ToolSpec, act: Callable[[ToolCall], str], blocking: Blocking) -> None:
        self.spec = spec
        self._act = act
        self._blocking = blocking

    async def run(self, call: ToolCall) -> ToolResult:
        """A cancelled write is whole or did not happen: the pool thread cannot be stopped in its middle."""
        return ToolResult(await self._blocking(self._act, call))


def file_tools(workspace: Workspace, blocking: Blocking) -> tuple[Tool, ...]:
    """All file tools. ``blocking`` runs their work off the event loop."""
    return (
        FileTool(
            replace(spec_of("read_file", ReadFile), reads="file"),
            lambda call: _read(workspace, arguments_of(call, ReadFile)),
            blocking,
        ),
        FileTool(
            spec_of("write_file", WriteFile, effect="write"),
            lambda call: _write(workspace, arguments_of(call, WriteFile)),
            blocking,
        ),
        FileTool(
            spec_of("edit_file", EditFile, effect="write"),
            lambda call: _edit(workspace, arguments_of(call, EditFile)),
            blocking,
        ),
        FileTool(
            spec_of("list_directory", ListDirectory),
            lambda call: _list(workspace, arguments_of(call, ListDirectory)),
            blocking,
        ),
    )


def _read(workspace: Workspace, wanted: ReadFile) -> str:
    if wanted.offset == 1 and not wanted.limit:
        return _text(wanted.path, workspace.read(wanted.path))
    return _text(wanted.path, workspace.read_lines(wanted.path, wanted.offset, wanted.limit or MAX_READ))


def _write(workspace: Workspace, wanted: WriteFile) -> str:
    data = _bytes(wanted.content, "content")
    new = workspace.write(wanted.path, data)
    return f"{'created' if new else 'replaced'} {wanted.path} ({len(data):,} bytes)"


def _edit(workspace: Workspace, wanted: EditFile) -> str:
    if wanted.old == wanted.new:
        raise Invalid("old and new are the same", path="$.new")
    old, new = _bytes(wanted.old, "old"), _bytes(wanted.new, "new")
    times = workspace.edit(wanted.path, old, new, every=wanted.all)
    return f"replaced {times} {'place' if times == 1 else 'places'} in {wanted.path}"


def _list(workspace: Workspace, wanted: ListDirectory) -> str:
    entries, total = workspace.list(wanted.path)
    if not entries:
        return f"{wanted.path or '.'} is empty"
    lines = [_line(entry) for entry in entries]
    if total > len(entries):
        lines.append(f"… and {total - len(entries):,} more")
    return "\n".join(lines)


def _line(entry: Entry) -> str:
    name = entry.name.encode("utf-8", "replace").decode()
    match entry.kind:
        case "folder":
            return f"{name}/"
        case "file":
            return f"{name}  {entry.size:,} bytes"
        case kind:
            return f"{name}  ({kind}, cannot be opened)"


def _text(path: str, data: bytes) -> str:
    """The data as text. What is no text is refused in words, not shown as noise."""
    try:
        # Not final: a part may end within a character, which is then left off.
        text = getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Invalid(f"{path} is not text: an image, an archive or a program, perhaps", path="$.path")
    return text


def _bytes(text: str, member: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("the text holds half a character (a lone surrogate)", path=f"$.{member}") from error
