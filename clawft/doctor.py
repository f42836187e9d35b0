"""The doctor: what works on this machine, what is missing and how to get it."""

import asyncio
import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import msgspec

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)  # RETURNING
LEAST_DISK = 500 * 1024 * 1024

Verdict = Literal["ok", "limited", "broken"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing looked at. ``limited``: the host runs without it; ``broken``: it does not."""

    name: str
    verdict: Verdict
    detail: str
    hint: str = ""


def examine(data_dir: Path, url: str) -> Iterator[Finding]:
    """Every finding, in the order of importance. Nothing is changed, on disk or elsewhere."""
    yield python()
    yield packages()
    yield sqlite()
    yield full_text_search()
    yield folder(data_dir)
    yield configuration(data_dir)
    yield disk(data_dir)
    yield address(url)
    yield from confinement()
    yield sound()
    yield program("pulseaudio", "a sound server for machines without one; the tests use it")
    yield sandbox()
    yield model_clients()
    yield program("node", "only for building a dashboard of one's own", package="nodejs")


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "broken", version, "clawft needs Python 3.11 or newer")
    return Finding("python", "ok", f"{version} at {sys.executable}")


def packages() -> Finding:
    """The packages setup.cfg asks for, by what pip noted down; extras are not needed to run."""
    try:
        wanted = importlib.metadata.requires("clawft") or []
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", "broken", "clawft itself is not installed", "scripts/setup")
    names = [re.split(r"[^\w.-]", requirement)[0] for requirement in wanted if "extra ==" not in requirement]
    missing = [name for name in names if not is_installed(name)]
    if missing:
        return Finding("packages", "broken", f"missing: {', '.join(missing)}", "scripts/setup")
    return Finding("packages", "ok", f"all {len(names)} are installed")


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def sqlite() -> Finding:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding("sqlite", "broken", sqlite3.sqlite_version, "SQLite 3.35 or newer is needed")
    return Finding("sqlite", "ok", sqlite3.sqlite_version)


def full_text_search() -> Finding:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
        except sqlite3.OperationalError as error:
            return Finding(
                "fts5", "broken", str(error), "a Python whose SQLite was built with FTS5, as Debian's is"
            )
    return Finding("fts5", "ok", "full-text search for memory")


def folder(data_dir: Path) -> Finding:
    """Who may read and write the data folder."""
    name = "data folder"
    if not data_dir.exists():
        parent = next(above for above in data_dir.parents if above.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding(name, "ok", f"{data_dir} will be made at the first start")
        return Finding(
            name, "broken", f"{parent} cannot be written", "choose another with --data-dir or CLAWFT_HOME"
        )
    if not data_dir.is_dir() or not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        return Finding(name, "broken", f"{data_dir} cannot be written", f"chown -R $(id -un) '{data_dir}'")
    mode = stat.S_IMODE(data_dir.stat().st_mode)
    if mode & 0o077:
        return Finding(name, "limited", f"{data_dir} is open to others ({mode:o})", f"chmod 700 '{data_dir}'")
    return Finding(name, "ok", str(data_dir))


def configuration(data_dir: Path) -> Finding:
    from clawft.drivers.config_file import ConfigFile

    trouble = ConfigFile(data_dir / "config.json").look().trouble
    if trouble:
        return Finding("config", "limited", trouble, "mend the file, or replace it: clawft config set FILE")
    return Finding("config", "ok", "config.json in the data folder, or the defaults where there is none")


def disk(data_dir: Path) -> Finding:
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 2**30:.1f} GiB free"
    if free < LEAST_DISK:
        return Finding("disk", "limited", text, "when it is full, nothing new is accepted (507)")
    return Finding("disk", "ok", text)


def address(url: str) -> Finding:
    """Whether a host answers at ``url``, or could."""
    try:
        # Without proxies: an http_proxy in the environment would answer for our own machine.
        with build_opener(ProxyHandler({})).open(f"{url}/api/health", timeout=3) as response:
            health = msgspec.json.decode(response.read())
            return Finding("host", "ok", f"runs at {url}: {health['status']}")
    except URLError as error:
        if not isinstance(error.reason, ConnectionRefusedError):
            return Finding("host", "limited", f"{url}: {error.reason}", "another port: clawft serve --port N")
    except (OSError, ValueError, TypeError, KeyError) as error:
        return Finding(
            "host", "limited", f"something else answers at {url}: {error}", "clawft serve --port N"
        )
    return bindable(urlsplit(url).hostname or "", urlsplit(url).port or 80)


def bindable(host: str, port: int) -> Finding:
    try:
        with socket.create_server((host, port)):
            return Finding("host", "ok", f"port {port} is free", "start it: clawft serve")
    except OSError as error:
        return Finding(
            "host", "limited", f"port {port}: {error.strerror}", "another one: clawft serve --port N"
        )


def confinement() -> Iterator[Finding]:
    from clawft.drivers.tools import openat2

    if openat2.opener() is openat2.by_openat2:
        yield Finding("openat2", "ok", "the kernel keeps file tools inside the workspace")
    else:
        yield Finding(
            "openat2", "limited", "not here: file tools walk each path instead", "Linux 5.6 or newer has it"
        )


def sandbox() -> Finding:
    from clawft.drivers.tools.sandbox import why_no_sandbox

    if why := why_no_sandbox():
        hint = "without it exec_shell and spawn are not there; docs/security.md says what else can be done"
        return Finding("sandbox", "limited", why, hint)
    return Finding("sandbox", "ok", "commands of agents run in bubblewrap")


def model_clients() -> Finding:
    missing = [name for name in ("anthropic", "openai", "genai-prices") if not is_installed(name)]
    if missing:
        return Finding(
            "models",
            "limited",
            f"only offline/rules-1: not installed are {', '.join(missing)}",
            "the extra llm",
        )
    return Finding("models", "ok", "the clients of Anthropic and OpenAI are installed")


def sound() -> Finding:
    from clawft.drivers.audio.card import SoundCard

    found = asyncio.run(SoundCard().check())
    if found.available:
        return Finding("voice", "ok", "PortAudio, a microphone and a speaker")
    return Finding("voice", "limited", found.reason or "no device", found.hint or "")


def program(name: str, purpose: str, *, package: str = "") -> Finding:
    where = shutil.which(name)
    if where:
        return Finding(name, "ok", where)
    return Finding(name, "limited", f"not installed ({purpose})", f"apt-get install {package or name}")
