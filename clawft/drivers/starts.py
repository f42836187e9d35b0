"""Starts: when the host began, and whether it ended as it should."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from clawft.drivers import atomic

log = logging.getLogger(__name__)

MOST = 100
"""Starts that are remembered."""


class Start(msgspec.Struct, omit_defaults=True):
    """One start. ``ended``: in an orderly way."""

    at: datetime
    ended: datetime | None = None
    safe: bool = False


class Starts:
    """A file of its own, not the database: that may be what the host dies of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starts = self._read()

    def crashes(self, within: timedelta, now: datetime) -> int:
        """Starts in this time that did not end as they should, since the last one that did."""
        count = 0
        for start in reversed(self._starts):
            if start.ended is not None or now - start.at > within:
                break
            count += 1
        return count

    @property
    def count(self) -> int:
        """How many are remembered."""
        return len(self._starts)

    def begin(self, *, safe: bool) -> None:
        """Before what may go wrong. A file that cannot be written keeps nobody from starting."""
        self._starts = [*self._starts, Start(datetime.now(UTC), safe=safe)][-MOST:]
        self._write()

    def end(self) -> None:
        """The host has stopped in an orderly way."""
        if self._starts:
            self._starts[-1].ended = datetime.now(UTC)
            self._write()

    def _read(self) -> list[Start]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Start])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s cannot be read, so earlier starts are not known: %s", self._path.name, error)
            return []

    def _write(self) -> None:
        try:
            atomic.write(self._path, msgspec.json.encode(self._starts))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path.name, error)
