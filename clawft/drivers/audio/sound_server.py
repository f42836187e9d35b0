"""PulseAudio or PipeWire behind PortAudio: what PortAudio does not tell.

When the microphone alone is unplugged, the server moves our stream to what is left, often the speaker's own
monitor, and PortAudio says nothing. Where there is ``pactl``, it tells of every change, and what we record.
"""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from typing import Any

_LIMIT = 2.0
"""Seconds one question may take."""


class SoundServer:
    """Costs nothing while nothing changes."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        """A device or a stream came or went."""
        self._pactl = shutil.which("pactl")
        self._events: subprocess.Popen[bytes] | None = None
        if self._pactl:
            threading.Thread(target=self._follow, name="sound server", daemon=True).start()

    def _follow(self) -> None:
        with contextlib.suppress(OSError):
            self._events = subprocess.Popen(  # noqa: S603 - found on the PATH
                [self._pactl or "pactl", "subscribe"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._events.stdout is not None
            for line in self._events.stdout:
                if b"client" not in line:  # our own questions
                    self.changed.set()

    @property
    def follows(self) -> bool:
        return self._events is not None and self._events.poll() is None

    def hears_only_itself(self) -> bool:
        """Whether what this process records is a speaker's own monitor."""
        outputs = self._ask("source-outputs")
        sources = {each.get("index"): each for each in self._ask("sources")}
        own = [each for each in outputs if _pid(each) == os.getpid()]
        return bool(own) and all(_is_monitor(sources.get(each.get("source"), {})) for each in own)

    def _ask(self, what: str) -> list[dict[str, Any]]:
        if not self._pactl:
            return []
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
            answer = subprocess.run(  # noqa: S603 - found on the PATH
                [self._pactl, "--format=json", "list", what],
                capture_output=True,
                timeout=_LIMIT,
                check=True,
                stdin=subprocess.DEVNULL,
            )
            found: list[dict[str, Any]] = json.loads(answer.stdout)
            return found
        return []

    def close(self) -> None:
        if self._events is not None:
            self._events.kill()
            self._events.wait()


def _pid(output: dict[str, Any]) -> int:
    return int(output.get("properties", {}).get("application.process.id", 0))


def _is_monitor(source: dict[str, Any]) -> bool:
    return bool(source.get("properties", {}).get("device.class") == "monitor")
