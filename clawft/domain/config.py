"""Config: what the operator chose. Secrets are not in it.

Unknown members are refused at every depth: what a PUT says and we would not keep must not look kept.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.budgets import Budget
from clawft.domain.keys import ProviderKey, origin_of, refuse_placeholder
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.domain.webhooks import checked_address
from clawft.errors import Invalid

OFFLINE_MODEL = "offline/rules-1"
"""The model that is always there: rules, no network, no key."""


WireFormat = Literal["anthropic", "openai"]


class AgentDefaults(Value, frozen=True, forbid_unknown_fields=True):
    model: str = OFFLINE_MODEL
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] = 4096
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.7


class AgentsConfig(Value, frozen=True, forbid_unknown_fields=True):
    defaults: AgentDefaults = msgspec.field(default_factory=AgentDefaults)


class ProviderConfig(Value, frozen=True, forbid_unknown_fields=True):
    """``api_key`` is write-only: accepted in a PUT, kept elsewhere, never shown."""

    api_key_set: bool = False
    """Computed. What a PUT says here is not looked at."""
    api_base: str = ""
    """Empty: the provider's own address."""
    enabled: bool = True
    api_key: str | UnsetType | None = UNSET
    """None or left out: the stored key stays."""
    type: str | UnsetType = UNSET
    """The wire format: ``anthropic`` or ``openai``; left out: ``openai`` for all but Anthropic."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType = UNSET
    """Calls under way at once, of all sessions together; left out: 50."""
    requests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    """Left out: as many as the provider takes."""
    patience: Annotated[float, Meta(gt=0, le=3600)] | UnsetType = UNSET
    """Seconds a model may be silent, before its first word and between two; left out: 90."""

    def __repr__(self) -> str:
        # The default shows every field, and a message's repr ends up in logs and in the dead letters.
        return f"ProviderConfig(api_base={self.api_base!r}, enabled={self.enabled!r})"


class ChannelConfig(Value, frozen=True, forbid_unknown_fields=True):
    enabled: bool = False
    type: str | UnsetType = UNSET
    routes_to: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class GatewayConfig(Value, frozen=True, forbid_unknown_fields=True):
    """``api_port`` is data for clients; where the server listens is said at its start."""

    api_port: Annotated[int, Meta(ge=0, le=65535)] = 18789
    api_enabled: bool = True


class SkillsConfig(Value, frozen=True, forbid_unknown_fields=True):
    registry: str = ""
    """A folder or an https address; empty: the registry that comes with the package."""


class PipelineConfig(Value, frozen=True, forbid_unknown_fields=True):
    fast_model: str = ""
    strong_model: str = ""
    """Empty: the agent's own model."""
    fallbacks: tuple[str, ...] = ()
    """Models to be asked, in this order, when the one that was chosen gives no answer."""
    learner: bool = True
    """Keep what worked for which kind of request, and let the router use it."""
    booster: bool = True
    """Let rules answer what they can answer exactly, without a model."""
    compaction: bool = True
    """Have a model sum up what no longer fits; without it the oldest turns are left out."""
    context_tokens: Annotated[int, Meta(ge=2_000, le=10_000_000)] = 100_000
    """How much one call may show a model. An agent's config may say it for itself."""


def _no_providers() -> dict[str, ProviderConfig]:
    return {}


def _no_channels() -> dict[str, ChannelConfig]:
    return {}


Policy = Literal["allow", "ask", "deny"]
"""Whether a tool may be called: always, after a person has approved the very call, or never."""


class SearchConfig(Value, frozen=True, forbid_unknown_fields=True):
    """The engine of web_search."""

    engine: Literal["", "searxng", "brave"] = ""
    url: str = ""
    """Of a SearXNG; Brave's is known."""


class ToolsConfig(Value, frozen=True, forbid_unknown_fields=True):
    """Tools, for all agents. An agent's own config may say ``policies`` too; the stricter one holds."""

    policies: dict[str, Policy] = {}
    """By tool; ``*`` for those that are not named."""
    approval_seconds: Annotated[int, Meta(ge=5, le=7 * 86_400)] = 900
    """How long a call waits for a person; then it is refused."""
    search: SearchConfig = SearchConfig()


class RetentionConfig(Value, frozen=True, forbid_unknown_fields=True):
    """For how many days things are kept; 0: for ever. Usage is kept for ever: costs are added up from it."""

    messages: Annotated[int, Meta(ge=0, le=36_500)] = 0
    """Of sessions that nobody has used for so long: the session goes, with all that is in it."""
    steps: Annotated[int, Meta(ge=0, le=36_500)] = 90
    """What turns did, with arguments and results; their messages stay."""
    runs: Annotated[int, Meta(ge=0, le=36_500)] = 365
    """Of the pipeline and of cron."""
    events: Annotated[int, Meta(ge=0, le=36_500)] = 30
    outbox: Annotated[int, Meta(ge=0, le=36_500)] = 365
    """Deliveries that were sent or have failed; what is unknown stays."""
    approvals: Annotated[int, Meta(ge=0, le=36_500)] = 365
    delegations: Annotated[int, Meta(ge=0, le=36_500)] = 365


class SttConfig(Value, frozen=True, forbid_unknown_fields=True):
    """What turns speech into text. All but ``pocketsphinx`` hear everything that is said to the host, so only
    an administrator can choose them."""

    engine: Literal["pocketsphinx", "wyoming", "openai"] = "pocketsphinx"
    address: str = ""
    """Of a Wyoming server: ``tcp://host:port``."""
    provider: str = ""
    """Of an ``openai`` engine: whose address and key are used; empty: ``openai``."""
    model: str = ""
    """Empty: the engine's own choice."""


class TtsConfig(Value, frozen=True, forbid_unknown_fields=True):
    """What turns text into speech."""

    engine: Literal["espeak", "wyoming", "openai"] = "espeak"
    address: str = ""
    provider: str = ""
    model: str = ""
    voice: str = ""
    """Empty: the engine's own choice for the language."""


class VoiceConfig(Value, frozen=True, forbid_unknown_fields=True):
    stt: SttConfig = SttConfig()
    tts: TtsConfig = TtsConfig()
    agents: dict[str, str] = {}
    """The agent that a wake word names, by phrase; others reach the default agent."""


_DEFAULT_VOICE = VoiceConfig()
_DEFAULT_SKILLS = SkillsConfig()
_DEFAULT_TOOLS = ToolsConfig()
_DEFAULT_RETENTION = RetentionConfig()
_DEFAULT_PIPELINE = PipelineConfig()


class ConfigData(Value, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole visible configuration; PUT replaces it.

    ``skills`` and what follows it are ours, not the reference's: left out of JSON until they are set, so that
    a client gets back the members it put. The reference's four are always there: ``omit_defaults`` leaves out
    what *is* the default, and empty collections of the plain types, so theirs come from functions.
    """

    agents: AgentsConfig = msgspec.field(default_factory=AgentsConfig)
    providers: dict[str, ProviderConfig] = msgspec.field(default_factory=_no_providers)
    channels: dict[str, ChannelConfig] = msgspec.field(default_factory=_no_channels)
    gateway: GatewayConfig = msgspec.field(default_factory=GatewayConfig)
    skills: SkillsConfig = _DEFAULT_SKILLS
    pipeline: PipelineConfig = _DEFAULT_PIPELINE
    tools: ToolsConfig = _DEFAULT_TOOLS
    budgets: tuple[Budget, ...] = ()
    retention: RetentionConfig = _DEFAULT_RETENTION
    voice: VoiceConfig = _DEFAULT_VOICE


ServerName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]


class McpServerConfig(Value, frozen=True, forbid_unknown_fields=True):
    """A server of tools that speaks the Model Context Protocol: a ``command`` or a ``url``."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    """For the command; a value ``$NAME`` comes from the host's own environment: so secrets get in."""
    cwd: str = ""
    url: str = ""
    """Of a server that speaks streamable HTTP."""
    enabled: bool = True
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """Seconds one call may take."""


class McpConfig(Value, frozen=True, forbid_unknown_fields=True):
    """Read at the start."""

    servers: dict[ServerName, McpServerConfig] = {}


class AuthConfig(Value, frozen=True, forbid_unknown_fields=True):
    local_trust: bool = True
    """Whether a caller on this machine may act without a token or the secret."""


class LimitsConfig(Value, frozen=True, forbid_unknown_fields=True):
    """How far agents' tools reach."""

    exec: Literal["sandbox", "host", "off"] = "sandbox"
    """Where commands run. ``host``: as the host's own user, with its files and its network."""
    fetch: tuple[str, ...] = ()
    """``host:port`` that web_fetch may reach though it is no address of the open Internet."""
    crashes: Annotated[int, Meta(ge=1, le=100)] = 5
    crash_minutes: Annotated[int, Meta(ge=1, le=1440)] = 10
    """So many starts in so many minutes that did not end as they should: the next one is in safe mode."""
    memory_mb: Annotated[int, Meta(ge=0)] = 0
    """What the host may take before it sheds what is idle, and then new work. 0: 80 % of what the machine, or
    its control group, has."""


_DEFAULT_AUTH = AuthConfig()
_DEFAULT_LIMITS = LimitsConfig()
_DEFAULT_MCP = McpConfig()


class ConfigOnDisk(ConfigData, frozen=True):
    """The file: the visible configuration and what only the operator's own hand may change."""

    auth: AuthConfig = _DEFAULT_AUTH
    limits: LimitsConfig = _DEFAULT_LIMITS
    mcp: McpConfig = _DEFAULT_MCP

    def visible(self) -> ConfigData:
        return ConfigData(**{name: getattr(self, name) for name in ConfigData.__struct_fields__})

    @classmethod
    def of(cls, config: ConfigData, auth: AuthConfig, limits: LimitsConfig, mcp: McpConfig) -> "ConfigOnDisk":
        visible = {name: getattr(config, name) for name in ConfigData.__struct_fields__}
        return cls(**visible, auth=auth, limits=limits, mcp=mcp)


class ConfigSaved(Value, frozen=True):
    """The answer to a PUT: it is written, and in effect."""

    success: bool = True
    restart_needed: tuple[str, ...] | UnsetType = UNSET
    """The members that wait for the next start. Left out where none does: all there are now are read live."""


_SECRET_NAME = re.compile(r"(^|_|-)(token|secret|password|api[_-]?key)$", re.IGNORECASE)


def check(config: ConfigData) -> None:
    """What the types cannot say. Raises ``Invalid`` with the path of the first member that is wrong."""
    for name, provider in config.providers.items():
        origin_of(provider.api_base, path=f"$.providers.{name}.api_base")
        wire_format(name, provider.type)
        if isinstance(provider.api_key, str):
            refuse_placeholder(provider.api_key, path=f"$.providers.{name}.api_key")
    origin_of(config.tools.search.url, path="$.tools.search.url")
    if config.tools.search.engine == "searxng" and not config.tools.search.url:
        raise Invalid("a SearXNG needs its address", path="$.tools.search.url")
    check_voice(config.voice)
    for number, budget in enumerate(config.budgets):
        if isinstance(budget.usd, UnsetType) and isinstance(budget.tokens, UnsetType):
            raise Invalid("a budget limits `usd`, `tokens` or both", path=f"$.budgets[{number}]")
    for name, channel in config.channels.items():
        _refuse_secrets(channel.settings, f"$.channels.{name}.settings")
        if channel.type == "webhook":
            webhook_address(channel, f"$.channels.{name}.settings")


def check_voice(voice: VoiceConfig) -> None:
    """Raises ``Invalid`` for an engine that nobody could reach."""
    for name, engine in (("stt", voice.stt), ("tts", voice.tts)):
        path = f"$.voice.{name}.address"
        if engine.engine == "wyoming":
            if not engine.address:
                raise Invalid("a Wyoming server needs its address, like tcp://127.0.0.1:10300", path=path)
            wyoming_address(engine.address, path)


def wyoming_address(address: str, path: str) -> tuple[str, int]:
    """The host and the port. Raises ``Invalid``."""
    parts = urlsplit(address)
    with suppress(ValueError):
        if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    raise Invalid(f"{address[:100]!r} is no address of a Wyoming server; tcp://host:port is", path=path)


def check_mcp(mcp: McpConfig) -> None:
    """Raises ``Invalid`` for a server that nobody could reach."""
    for name, server in mcp.servers.items():
        path = f"$.mcp.servers.{name}"
        if bool(server.command) == bool(server.url):
            raise Invalid("a server has a `command` or a `url`", path=path)
        origin_of(server.url, path=f"{path}.url")


def wire_format(name: str, type: str | UnsetType) -> WireFormat:
    """The format a provider speaks. Raises ``Invalid`` for a type there is none for."""
    if isinstance(type, UnsetType) or not type:
        return "anthropic" if name == "anthropic" else "openai"
    for known in get_args(WireFormat):
        if type == known:
            return known  # type: ignore[no-any-return]  # get_args knows no types
    raise Invalid(
        f"{type[:100]!r} is no wire format; anthropic and openai are", path=f"$.providers.{name}.type"
    )


def webhook_address(channel: ChannelConfig, path: str = "$.settings") -> str:
    """Where a channel of the type ``webhook`` posts to: its setting ``url``."""
    return checked_address((channel.settings or {}).get("url"), f"{path}.url")


def _refuse_secrets(settings: dict[str, Any] | UnsetType, path: str) -> None:
    for name in settings or {}:
        if _SECRET_NAME.search(name):
            raise Invalid(
                "a secret cannot be a channel's setting: the config is shown to every reader",
                path=f"{path}.{name}",
            )


def keys_in(config: ConfigData) -> Iterator[ProviderKey]:
    """The keys that came with a PUT, each with the address it was entered for."""
    for name, provider in config.providers.items():
        if isinstance(provider.api_key, str):
            yield ProviderKey.entered(name, provider.api_base, provider.api_key)


def shown(config: ConfigData, has_key: Callable[[str, str], bool]) -> ConfigData:
    """The config without keys, and with the truth about which are set: ``has_key(provider, api_base)``."""
    providers = {
        name: replace(entry, api_key=UNSET, api_key_set=has_key(name, entry.api_base))
        for name, entry in config.providers.items()
    }
    return replace(config, providers=providers)
