"""`clawft chat`, in a terminal and over a pipe."""

import os
import pty
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.scenarios.process import HostProcess, serving


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    with serving(tmp_path_factory.mktemp("chat") / "data") as running:
        yield running


class Terminal:
    """A person at a terminal, typing to a command."""

    def __init__(self, *command: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clawft.cli", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: os.close(
                os.open(os.ttyname(0), os.O_RDWR)
            ),  # makes it the controlling terminal
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def await_text(self, text: str, limit: float = 30.0) -> None:
        """Wait until the terminal shows ``text`` after what was waited for before."""
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._master, selectors.EVENT_READ)
            while text not in self.seen:
                assert selector.select(max(0, deadline - time.monotonic())), f"no {text!r} in {self.seen!r}"
                self.seen += os.read(self._master, 4096).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(host: HostProcess) -> Iterator[Terminal]:
    opened = Terminal("chat", "--url", host.url)
    yield opened
    opened.close()


def test_an_answer_appears_and_quit_ends(terminal: Terminal) -> None:
    terminal.await_text("general-agent in session sess-")
    terminal.await_text("> ")
    terminal.type("hello\n")
    terminal.await_text("hello")
    terminal.await_text("> ")
    terminal.type("/quit\n")
    assert terminal.process.wait(10) == 0


def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(terminal: Terminal, host: HostProcess) -> None:
    tool = {
        "name": "stuck",
        "description": "Never answers.",
        "parameters": {"type": "object"},
        "timeout": 600,
    }
    host.ok("POST", "/api/tools", tool)
    terminal.await_text("> ")
    terminal.type("Use the stuck tool with {}\n")
    session = host.ok("GET", "/api/sessions")[0]["key"]
    deadline = time.monotonic() + 20
    while [t["status"] for t in host.ok("GET", f"/api/sessions/{session}/turns")] != ["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    terminal.type("\x03")
    terminal.await_text("stopped")
    terminal.await_text("> ")
    assert [t["status"] for t in host.ok("GET", f"/api/sessions/{session}/turns")] == ["cancelled"]
    terminal.type("are you there?\n")
    terminal.await_text("> ")
    assert host.ok("GET", f"/api/sessions/{session}")["messages"][-1]["role"] == "assistant"
    terminal.type("\x04")
    assert terminal.process.wait(10) == 0


def test_what_is_piped_in_is_said_line_by_line(host: HostProcess) -> None:
    typed = "hello\n/new\n/help\nremember that tea is at four\n/quit\nnot read any more\n"
    command = [sys.executable, "-m", "clawft.cli", "chat", "--url", host.url]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) >= 2
    assert done.stderr.count("general-agent in session ") == 2
    said = [
        message["content"]
        for session in host.ok("GET", "/api/sessions")
        for message in host.ok("GET", f"/api/sessions/{session['key']}")["messages"]
    ]
    assert "remember that tea is at four" in said
    assert "not read any more" not in said


def test_an_unknown_agent_ends_with_a_sentence(host: HostProcess) -> None:
    command = [sys.executable, "-m", "clawft.cli", "chat", "--url", host.url, "--agent", "nobody"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("clawft: ")
