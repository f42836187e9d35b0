"""Logs: one line an event, fit for a terminal and for a file, with nobody's token in it."""

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import IO, Any, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)

LINES_PER_SECOND = 100
"""What one logger may write; beyond that lines are counted instead."""

MAX_FIELD = 2_000
MAX_TRACE = 16_000
"""Characters kept of a field and of a stack trace."""

SECRETS = re.compile(
    r"(?P<kept>\bclawftb?_|\bsk-|\bBearer\s+|[?&](?:token|key|secret|api_key|access_token)=)[^\s&\"'<>]{8,}",
    re.IGNORECASE,
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All but tab and line feed: escape sequences and bidi marks could make a line look like another."""


Format = Literal["console", "logfmt", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)


def set_up(
    level: Level = "info",
    *,
    stream: IO[str] | None = None,
    colors: bool | None = None,
    format: Format | None = None,
) -> None:
    """Send every logger to ``stream``, else standard error.

    In the ``format`` that is asked for, else in colours on a terminal and as logfmt elsewhere.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    chosen: Format = "console" if (target.isatty() if colors is None else colors) else "logfmt"
    handler.setFormatter(LazyFormatter(format or chosen))
    handler.addFilter(Flood())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Tornado's access log is one line a request: what was refused is worth a line, the rest is in /metrics.
    logging.getLogger("tornado.access").setLevel("DEBUG" if level == "debug" else "ERROR")


def clean(text: str, limit: int = MAX_FIELD) -> str:
    """``text`` without secrets and control characters, on one line, cut to ``limit``."""
    cut = text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more)"
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], SECRETS.sub(r"\g<kept>***", cut))


def clean_fields(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that applies ``clean`` to everything that is text."""
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = clean(value, MAX_TRACE if name == "exception" else MAX_FIELD)
    return fields


class LazyFormatter(logging.Formatter):
    """Makes its structlog renderer at the first line, since the import takes 0.2 s of a start."""

    def __init__(self, format: Format) -> None:
        super().__init__()
        self._as = format
        self._formatter: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._formatter is None:
            self._formatter = structured(self._as)
        return self._formatter.format(record)


def structured(format: Format) -> logging.Formatter:
    """A formatter for records of structlog and of the standard library alike."""
    from structlog import dev, processors, stdlib

    shared: list[Any] = [
        stdlib.add_log_level,
        stdlib.add_logger_name,
        stdlib.ExtraAdder(),
        processors.TimeStamper(fmt="iso", utc=True),
        processors.StackInfoRenderer(),
        processors.format_exc_info,
        clean_fields,
    ]
    renderer: Callable[..., Any]
    if format == "console":
        renderer = dev.ConsoleRenderer(exception_formatter=dev.plain_traceback)
    elif format == "json":
        renderer = processors.JSONRenderer(ensure_ascii=True)
    else:
        renderer = processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"])
    return stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )


class Flood(logging.Filter):
    """Lets a logger write so many lines a second; the next line it may write says how many were left out."""

    def __init__(self, limit: int = LINES_PER_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit = limit
        self._clock = clock
        self._seen: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(self._clock())
        began, lines = self._seen.get(record.name, (second, 0))
        if began != second:
            if lines > self._limit:
                record.left_out = lines - self._limit
            began, lines = second, 0
        self._seen[record.name] = (began, lines + 1)
        return lines < self._limit
