"""Keys: the secrets of model providers, and which address each may be sent to."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from clawft.domain.values import Value
from clawft.errors import Invalid

DEFAULT_BASES = {
    "anthropic": "https://api.anthropic.com",
    "brave": "https://api.search.brave.com",
    "cohere": "https://api.cohere.ai/compatibility/v1",
    "deepseek": "https://api.deepseek.com",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "together": "https://api.together.xyz/v1",
    "xai": "https://api.x.ai/v1",
}
"""Where a provider is when the config does not say. A key in the environment is meant for there only."""

_PORTS = {"http": 80, "https": 443}
_MASKED = re.compile(r"[•●∙·…]|\*{3}|redacted|^<.*>$|^\{\{.*\}\}$", re.IGNORECASE)
_HEADER_SAFE = re.compile(r"^[\x21-\x7e]{1,4096}$")


ProviderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class KeyInfo(Value, frozen=True):
    """That there is a key, where it may be sent, and where it was found."""

    provider: str
    origin: str
    source: Literal["file", "environment"]


class ProviderKey(Value, frozen=True):
    """A key and the origin of the address it was entered for; it is never sent anywhere else."""

    provider: str
    origin: str
    key: str

    @classmethod
    def entered(cls, provider: str, api_base: str, key: str) -> "ProviderKey":
        return cls(provider=provider, origin=origin_for(provider, api_base), key=key)

    def __repr__(self) -> str:
        return f"ProviderKey({self.provider!r}, {self.origin!r}, ***)"


def origin_of(url: str, *, path: str) -> str:
    """Scheme, host and port of an address, the port always; "" for "". Raises ``Invalid`` for no address."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        default = _PORTS[parts.scheme]
        port = parts.port or default
    except (ValueError, KeyError):
        raise Invalid(f"{url[:200]!r} is no http or https address", path=path) from None
    if not parts.hostname or re.search(r"[\s\\\x00-\x1f]", url):
        raise Invalid(f"{url[:200]!r} names no host", path=path)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise Invalid(
            "an address holds no user, password or query: the config is shown to every reader", path=path
        )
    return f"{parts.scheme}://{parts.hostname}:{port}"


def origin_for(provider: str, api_base: str) -> str:
    """The origin of a provider at this address; "" where neither the config nor we know where it is."""
    return origin_of(api_base or DEFAULT_BASES.get(provider, ""), path=f"$.providers.{provider}.api_base")


def at_home(provider: str, api_base: str) -> bool:
    """Whether this is where the provider is by default."""
    return origin_for(provider, api_base) == origin_for(provider, "")


def environment_name(provider: str) -> str:
    """The environment variable of a provider's key, like ``ANTHROPIC_API_KEY``."""
    return re.sub(r"[^A-Z0-9]", "_", provider.upper()) + "_API_KEY"


def refuse_placeholder(key: str, *, path: str) -> None:
    """Raise ``Invalid`` for what a form shows in a key's place; sent back, it would overwrite the key."""
    if not key:
        raise Invalid("a key cannot be empty; leave `api_key` out to keep the one that is stored", path=path)
    if len(set(key)) == 1 or _MASKED.search(key):
        raise Invalid(
            "this stands in for a key and is none; leave `api_key` out to keep the one that is stored",
            path=path,
        )
    if not _HEADER_SAFE.match(key):
        raise Invalid(
            "a key is printable ASCII without spaces, and no longer than 4,096 characters", path=path
        )
