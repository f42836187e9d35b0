"""What can be asked of the config."""

from clawft.domain.config import ConfigData, ConfigSaved
from clawft.runtime import Ask, Tell


class GetConfig(Ask[ConfigData], frozen=True):
    """The visible configuration, without secrets."""


class PutConfig(Ask[ConfigSaved], frozen=True):
    """Replace the visible configuration; stored keys are kept unless a new ``api_key`` is in it."""

    config: ConfigData


class ConfigChanged(Tell, frozen=True):
    """Told to those who asked to hear of it, after the new config was written."""

    config: ConfigData


class WatchConfig(Ask[ConfigData], frozen=True):
    """Answer with the config, and tell the actor at ``path`` of every change from now on."""

    path: str


class SecretOf(Ask[str | None], frozen=True):
    """A provider's key, for the driver that uses it and nobody else. No route asks this."""

    provider: str
    api_base: str


class ConfigTrouble(Ask[str | None], frozen=True):
    """What is wrong with the files of the config, in a sentence; None: nothing. Answered from memory."""
