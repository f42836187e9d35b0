"""SIGTERM under load, with a stuck actor, a tool that runs, and open sockets: all of it ends, and well."""

import random
import socket
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import psutil

from clawft.drivers.tools.sandbox import why_no_sandbox
from tests.faults.figures import Figures
from tests.faults.hosts import GONE, Caller, Load, hosting, session
from tests.faults.readers import subscribed
from tests.scenarios.process import HostProcess

WRITERS = 4


def run(long: bool) -> Figures:
    rounds, sockets = (50, 200) if long else (1, 40)
    figures = Figures(f"SIGTERM x {rounds}")
    took, codes, closed, children, refused, hung, open_turns = [], set(), 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        for number in range(rounds):
            command = [sys.executable, "-m", "tests.faults.stuck_host", str(data)]
            with hosting(data, command=command) as host:
                token = host.ok("POST", "/api/auth/token")["token"]
                call = Caller(host, token)
                keys = [session(call) for _ in range(WRITERS)]
                tool = _start_tool(host, token, session(call), f"77{number}.5")
                readers = [subscribed(host.port, token, "chat:message") for _ in range(sockets)]
                load = Load.of(WRITERS, partial(_write, host, token, keys))
                time.sleep(random.uniform(0.3, 0.8))
                mine = psutil.Process(host.process.pid)
                theirs = mine.children(recursive=True)
                began = time.monotonic()
                host.process.terminate()
                time.sleep(0.05)
                refused += _is_refused(host, token, keys[0])
                codes.add(host.process.wait(15))
                took.append(time.monotonic() - began)
                closed += sum(_close_code(reader) == 1001 for reader in readers)
                hung += load.stop(5)
                tool.join(5)
                time.sleep(0.1)
                children += sum(
                    child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in theirs
                )
        with hosting(data) as host:
            for each in host.ok("GET", "/api/sessions"):
                turns = host.ok("GET", f"/api/sessions/{each['key']}/turns")
                open_turns += sum(turn["status"] in ("running", "queued") for turn in turns)
    figures.must(refused == rounds, f"new work refused at once {refused}/{rounds}")
    figures.must(closed == rounds * sockets, f"{closed}/{rounds * sockets} sockets closed with 1001")
    figures.must(codes == {0}, f"exit codes {sorted(codes)}")
    figures.must(max(took) <= 10.0, f"within {max(took):.1f} s, median {sorted(took)[len(took) // 2]:.1f} s")
    figures.must(children == 0, f"{children} children left")
    figures.must(hung == 0 and open_turns == 0, f"{hung} requests hang, {open_turns} turns open")
    return figures


def _start_tool(host: HostProcess, token: str, key: str, seconds: str) -> threading.Thread:
    """A message whose tool runs when the signal comes."""
    command = f"sleep {seconds}" if not why_no_sandbox() else "true"
    content = f'Use the exec_shell tool with {{"command": "{command}", "timeout": 600}}'
    thread = threading.Thread(target=_send, args=(host, token, key, content), daemon=True)
    thread.start()
    return thread


def _send(host: HostProcess, token: str, key: str, content: str) -> None:
    call = Caller(host, token)
    try:
        call("POST", f"/api/sessions/{key}/messages", {"content": content})
    except GONE:
        return


def _write(host: HostProcess, token: str, keys: list[str], me: int, over: threading.Event) -> None:
    call = Caller(host, token)
    try:
        while not over.is_set():
            call("POST", f"/api/sessions/{keys[me]}/messages", {"content": "hello"})
    except GONE:
        return


def _is_refused(host: HostProcess, token: str, key: str) -> bool:
    try:
        return Caller(host, token)("POST", f"/api/sessions/{key}/messages", {"content": "late"}).status == 503
    except GONE:
        return True


def _close_code(reader: socket.socket) -> int | None:
    """What the close frame says, after all frames before it."""
    reader.settimeout(5)
    data = bytearray()
    try:
        while piece := reader.recv(65536):
            data += piece
    except OSError:
        pass
    at = 0
    while at + 2 <= len(data):
        size, head = data[at + 1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        if data[at] & 0x0F == 8:
            return int.from_bytes(data[at + head : at + head + 2], "big")
        at += head + size
    return None
