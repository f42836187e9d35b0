"""A sound card in user space, for tests and measurements."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).parent / "virtual_audio.sh"


class VirtualCard:
    """A running virtual sound card; ``environment`` is that of its clients."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def freeze(self) -> None:
        os.kill(int((self.folder / "pid").read_text()), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(int((self.folder / "pid").read_text()), signal.SIGCONT)

    def do(self, verb: str, *how: str) -> None:
        """``echo GAIN``, ``unplug mic``, ``plug``."""
        subprocess.run([SCRIPT, verb, self.folder, *how], check=True, timeout=30)


@contextmanager
def virtual_card() -> Iterator[VirtualCard | None]:
    """In the environment of this process. None where the Debian packages for it are missing."""
    if not shutil.which("pulseaudio") or not shutil.which("pactl"):
        yield None
        return
    folder, before = Path(tempfile.mkdtemp(prefix="va")), dict(os.environ)
    try:
        started = subprocess.run(
            [SCRIPT, "start", folder], capture_output=True, text=True, check=True, timeout=30
        )
        environment = dict(line.split("=", 1) for line in started.stdout.splitlines())
        os.environ.update(environment)
        yield VirtualCard(folder, environment)
    finally:
        os.environ.clear()
        os.environ.update(before)
        subprocess.run([SCRIPT, "stop", folder], check=False, timeout=30)
