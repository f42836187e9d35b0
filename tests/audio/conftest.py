"""Sound cards for tests: one in user space, none at all, a broken one, a frozen one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "virtual_audio.sh"


class VirtualCard:
    """A running virtual sound card, in the environment of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def freeze(self) -> None:
        os.kill(int((self.folder / "pid").read_text()), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(int((self.folder / "pid").read_text()), signal.SIGCONT)

    def do(self, verb: str, *how: str) -> None:
        """``echo GAIN``, ``unplug mic``, ``plug``."""
        subprocess.run([SCRIPT, verb, self.folder, *how], check=True, timeout=30)


@pytest.fixture
def virtual_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCard | None]:
    """None where the Debian packages for it are missing: no sound card, which is a case too."""
    if not shutil.which("pulseaudio") or not shutil.which("pactl"):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="va"))
    try:
        started = subprocess.run(
            [SCRIPT, "start", folder], capture_output=True, text=True, check=True, timeout=30
        )
        for line in started.stdout.splitlines():
            monkeypatch.setenv(*line.split("=", 1))
        yield VirtualCard(folder)
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=False, timeout=30)


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ALSA configuration that names no device."""
    (tmp_path / "asound.conf").write_text("")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
