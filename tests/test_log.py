"""Logs: lines that are safe to read and to keep."""

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from clawft import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.set_up("info", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    "secret",
    [
        "clawft_Zm9vYmFyYmF6cXV4",
        "clawftb_Zm9vYmFyYmF6cXV4",
        "Authorization: Bearer abcdefghijkl",
        "GET /ws?token=abcdefghijkl",
        "key sk-ant-api03-abcdefghijkl",
    ],
)
def test_a_secret_never_reaches_the_log(lines: io.StringIO, secret: str) -> None:
    logging.getLogger("some.module").warning("refused %s", secret)
    written = lines.getvalue()
    assert "***" in written
    assert "Zm9v" not in written
    assert "abcdefghijkl" not in written


def test_a_secret_in_a_stack_trace_is_hidden_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("clawft_Zm9vYmFyYmF6cXV4")
    except ValueError:
        logging.getLogger("some.module").exception("failed")
    assert "ValueError" in lines.getvalue()
    assert "Zm9v" not in lines.getvalue()


def test_control_characters_cannot_rewrite_the_terminal(lines: io.StringIO) -> None:
    logging.getLogger("some.module").warning("name %s", "a\x1b[2J\rb\u202ec")
    assert not {"\x1b", "\r", "\u202e"} & set(lines.getvalue())


def test_a_line_says_when_how_bad_who_and_what(lines: io.StringIO) -> None:
    logging.getLogger("some.module").info("hello %s", "you")
    line = lines.getvalue()
    assert line.startswith("timestamp=20")
    assert 'level=info logger=some.module event="hello you"' in line


def test_what_is_below_the_level_is_not_written(lines: io.StringIO) -> None:
    logging.getLogger("some.module").debug("nothing")
    assert lines.getvalue() == ""


def test_a_long_field_is_cut_and_says_so() -> None:
    cut = log.clean("x" * 5000)
    assert cut.startswith("x" * log.MAX_FIELD + "… (3000 more)")


def test_a_flood_is_counted_instead_of_written() -> None:
    now = 0.0
    flood = log.Flood(limit=3, clock=lambda: now)
    record = logging.LogRecord("some.module", logging.INFO, __file__, 1, "again", None, None)
    assert [flood.filter(record) for _ in range(5)] == [True, True, True, False, False]
    now = 1.0
    assert flood.filter(record)
    assert record.__dict__["left_out"] == 2


def test_no_import_of_the_renderer_before_the_first_line() -> None:
    code = "import sys; from clawft import log; log.set_up(); print('structlog' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "False"
