"""The config file: read and written whole or not at all, the last good one kept beside it."""

import logging
from pathlib import Path

import msgspec

from clawft.domain.config import (
    AuthConfig,
    ConfigData,
    ConfigOnDisk,
    LimitsConfig,
    McpConfig,
    check,
    check_mcp,
)
from clawft.domain.values import UNSET, Value
from clawft.drivers import atomic
from clawft.errors import ClawftError, Invalid

log = logging.getLogger(__name__)


class Loaded(Value, frozen=True):
    """The config to start with, and what was wrong with the file, if anything was."""

    config: ConfigData
    auth: AuthConfig
    limits: LimitsConfig
    mcp: McpConfig
    trouble: str = ""


class ConfigFile:
    """``config.json``, with ``config.json.bak`` for the last one that was good.

    A file that cannot be understood is never written over: before a new config takes its place it is moved
    aside, to ``config.json.broken``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._good = path.with_name(path.name + ".bak")
        self._broken = path.with_name(path.name + ".broken")

    def load(self) -> Loaded:
        """The config in the file; the defaults where there is none. Never raises for what is in it."""
        loaded = self.look()
        if not loaded.trouble and self._path.exists():
            self._keep_good(ConfigOnDisk.of(loaded.config, loaded.auth, loaded.limits, loaded.mcp))
        return loaded

    def look(self) -> Loaded:
        """The same, changing nothing."""
        try:
            kept = _read(self._path) or ConfigOnDisk()
        except (OSError, ClawftError) as error:
            return self._fall_back(_reason(error))
        return _loaded(kept)

    def _fall_back(self, reason: str) -> Loaded:
        try:
            kept = _read(self._good)
        except (OSError, ClawftError):
            kept = None
        used = "the last good config is in use" if kept else "the defaults are in use"
        kept = kept or ConfigOnDisk(auth=self._safest_auth())
        trouble = f"{self._path.name} cannot be used: {reason}; {used}"
        return _loaded(kept, trouble)

    def _safest_auth(self) -> AuthConfig:
        """A file that speaks of local trust most likely switches it off: the default is to leave it on."""
        try:
            return AuthConfig(local_trust=b"local_trust" not in self._path.read_bytes())
        except OSError:
            return AuthConfig(local_trust=False)

    def save(self, config: ConfigData) -> None:
        """Replace what is visible. Raises OSError, and then the file is as it was."""
        now = self.look()
        kept = ConfigOnDisk.of(config, now.auth, now.limits, now.mcp)
        self._set_broken_aside()
        atomic.write(self._path, _text(kept))
        self._keep_good(kept)

    def _set_broken_aside(self) -> None:
        try:
            _read(self._path)
        except ClawftError:
            self._path.replace(self._broken)
            log.warning("%s could not be understood and was moved to %s", self._path, self._broken)

    def _keep_good(self, kept: ConfigOnDisk) -> None:
        """A copy less is no reason to refuse a config that is written, or to stay down."""
        try:
            if not self._good.exists() or self._good.read_bytes() != _text(kept):
                atomic.write(self._good, _text(kept))
        except OSError as error:
            log.warning("the last good config could not be kept: %s", error)


def _loaded(kept: ConfigOnDisk, trouble: str = "") -> Loaded:
    return Loaded(kept.visible(), kept.auth, kept.limits, kept.mcp, trouble)


def _read(path: Path) -> ConfigOnDisk | None:
    """None: no such file. Raises ``Invalid`` for content that is no config."""
    try:
        with path.open("rb") as file:
            data = file.read(atomic.LARGEST)
    except FileNotFoundError:
        return None
    try:
        config = msgspec.json.decode(data, type=ConfigOnDisk)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(str(error)) from None
    check(config)
    check_mcp(config.mcp)
    for name, provider in config.providers.items():
        if provider.api_key is not UNSET:
            path_of_key = f"$.providers.{name}.api_key"
            raise Invalid("keys are not kept in this file: send it with PUT /api/config", path=path_of_key)
    return config


def _text(config: ConfigOnDisk) -> bytes:
    return msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
