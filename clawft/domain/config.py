"""Config: what the operator chose. Secrets are not in it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clawft.domain.values import UNSET, UnsetType, Value

OFFLINE_MODEL = "offline/rules-1"
"""The model that is always there: rules, no network, no key."""


class AgentDefaults(Value, frozen=True):
    model: str = OFFLINE_MODEL
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] = 4096
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.7


class AgentsConfig(Value, frozen=True):
    defaults: AgentDefaults = msgspec.field(default_factory=AgentDefaults)


class ProviderConfig(Value, frozen=True):
    """``api_key`` is write-only: accepted in a PUT, kept elsewhere, never shown."""

    api_key_set: bool = False
    api_base: str = ""
    enabled: bool = True
    api_key: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class ChannelConfig(Value, frozen=True):
    enabled: bool = False
    type: str | UnsetType = UNSET
    routes_to: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class GatewayConfig(Value, frozen=True):
    """``api_port`` is data for clients; where the server listens is said at its start."""

    api_port: Annotated[int, Meta(ge=0, le=65535)] = 18789
    api_enabled: bool = True


class SkillsConfig(Value, frozen=True):
    registry: str = ""
    """A folder or an https address; empty: the registry that comes with the package."""


class PipelineConfig(Value, frozen=True):
    fast_model: str = ""
    strong_model: str = ""
    """Empty: the agent's own model."""
    learner: bool = True


class ConfigData(Value, frozen=True):
    """The whole visible configuration; PUT replaces it."""

    agents: AgentsConfig = msgspec.field(default_factory=AgentsConfig)
    providers: dict[str, ProviderConfig] = {}
    channels: dict[str, ChannelConfig] = {}
    gateway: GatewayConfig = msgspec.field(default_factory=GatewayConfig)
    skills: SkillsConfig = msgspec.field(default_factory=SkillsConfig)
    pipeline: PipelineConfig = msgspec.field(default_factory=PipelineConfig)


class ConfigSaved(Value, frozen=True):
    """The answer to a PUT: ``restart_needed`` names the fields that wait for the next start."""

    success: bool = True
    restart_needed: tuple[str, ...] = ()
