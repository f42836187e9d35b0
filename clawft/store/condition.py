"""How the store is: what health asks for, answered from memory."""

import threading
from pathlib import Path


class Condition:
    """Kept by the writer, read by anyone. Each member is one assignment, so nobody sees half of it."""

    __slots__ = ("bytes", "closed", "log_bytes", "trouble")

    def __init__(self) -> None:
        self.bytes = 0
        """The size of the database and its log, as of a few seconds ago."""
        self.log_bytes = 0
        """The size of the log alone."""
        self.trouble = ""
        """Why the last write could not be kept; empty when it could."""
        self.closed = threading.Event()

    def measure(self, path: Path) -> None:
        log = path.with_name(f"{path.name}-wal")
        self.log_bytes = log.stat().st_size if log.exists() else 0
        self.bytes = self.log_bytes + (path.stat().st_size if path.exists() else 0)
