"""How the store is: what health asks for, answered from memory."""

import threading
from pathlib import Path


class Condition:
    """Kept by the writer, read by anyone. Each member is one assignment, so nobody sees half of it."""

    __slots__ = ("bytes", "closed", "trouble")

    def __init__(self) -> None:
        self.bytes = 0
        """The size of the database and its log, as of a few seconds ago."""
        self.trouble = ""
        """Why the last write could not be kept; empty when it could."""
        self.closed = threading.Event()

    def measure(self, path: Path) -> None:
        files = (path, path.with_name(f"{path.name}-wal"))
        self.bytes = sum(file.stat().st_size for file in files if file.exists())
