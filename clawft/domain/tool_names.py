"""Tool names as model APIs take them: letters, digits, ``_`` and ``-``, 64 at the most."""

import re
import zlib
from collections.abc import Iterable

_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST = 64


class ToolNames:
    """Our names and theirs, for one call: ``files.read`` is ``files_read`` to the model."""

    def __init__(self, names: Iterable[str]) -> None:
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}
        for name in names:
            self._add(name)

    def theirs(self, name: str) -> str:
        """What the model is to call it. One that was not offered, from an old call, gets a name as well."""
        return self._theirs.get(name) or self._add(name)

    def ours(self, name: str) -> str:
        """What the model called; a name it made up stays as it is, and no tool has it."""
        return self._ours.get(name, name)

    def _add(self, name: str) -> str:
        theirs = _OTHER.sub("_", name)[:_LONGEST] or "_"
        if theirs in self._ours and self._ours[theirs] != name:
            theirs = f"{theirs[: _LONGEST - 9]}_{zlib.crc32(name.encode()):08x}"
        self._theirs[name], self._ours[theirs] = theirs, name
        return theirs
