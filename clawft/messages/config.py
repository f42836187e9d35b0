"""What can be asked of the config."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.config import ConfigData, ConfigSaved
from clawft.domain.keys import KeyInfo, ProviderName
from clawft.domain.values import Success
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


class ListKeys(Ask[tuple[KeyInfo, ...]], frozen=True):
    """Which providers there are keys of; never the keys."""


class PutKey(Ask[Success], frozen=True):
    """Keep a provider's key, for the address the config has of it now and no other."""

    provider: ProviderName
    key: Annotated[str, Meta(min_length=1, max_length=4096)]

    def __repr__(self) -> str:
        return f"PutKey({self.provider!r}, ***)"


class RemoveKey(Ask[Success], frozen=True):
    """Forget a provider's key. One in the environment is the environment's."""

    provider: ProviderName


class ConfigTrouble(Ask[str | None], frozen=True):
    """What is wrong with the files of the config, in a sentence; None: nothing. Answered from memory."""
