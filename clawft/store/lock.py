"""The lock on the data folder: one process at a time."""

import fcntl
import os
from pathlib import Path

from clawft.errors import UsageError
from clawft.store.folder import private_file

LOCK_NAME = "lock"


class FolderLock:
    """Held until ``release`` or the end of the process, however that comes: it is never stale."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = private_file(folder / LOCK_NAME)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._holder()
            self.release()
            raise UsageError(
                f"the data folder {folder} is in use by {holder}: stop it, or choose another with --data-dir"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in. Doing it twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _holder(self) -> str:
        """Who wrote its number into the file; it may not have got that far yet."""
        pid = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
        return f"process {pid}" if pid.isdecimal() else "another process"
