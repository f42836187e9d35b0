"""What can be asked of the programs in the background. ``session_key`` "" is the operator, who sees all."""

from clawft.domain.processes import BackgroundProcess
from clawft.runtime import Ask


class StartProcess(Ask[BackgroundProcess], frozen=True):
    """Start a command and do not wait for it."""

    command: str
    session_key: str


class ListProcesses(Ask[tuple[BackgroundProcess, ...]], frozen=True):
    """Those that run, and the last that have ended."""

    session_key: str = ""


class ReadProcess(Ask[str], frozen=True):
    """What it has said so far: the head and the tail."""

    id: str
    session_key: str = ""


class EndProcess(Ask[BackgroundProcess], frozen=True):
    """Kill it with all it started."""

    id: str
    session_key: str = ""
