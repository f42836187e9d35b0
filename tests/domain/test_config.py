"""What a config may say, and where a provider's key may go."""

import msgspec
import pytest

from clawft.domain.config import ConfigData, check, keys_in, shown
from clawft.domain.keys import ProviderKey, at_home, environment_name, origin_for, refuse_placeholder
from clawft.errors import Invalid

REFERENCE = b"""{
  "agents": { "defaults": { "model": "claude-sonnet-4", "max_tokens": 4096, "temperature": 0.7 } },
  "providers": {
    "anthropic": { "api_key_set": true, "api_base": "https://api.anthropic.com", "enabled": true }
  },
  "channels": { "discord": { "enabled": true } },
  "gateway": { "api_port": 3100, "api_enabled": true }
}"""


def decoded(text: bytes) -> ConfigData:
    return msgspec.json.decode(text, type=ConfigData)


def with_key(key: str, base: str = "https://api.anthropic.com") -> ConfigData:
    return decoded(
        msgspec.json.encode({"providers": {"anthropic": {"api_key": key, "api_base": base}}}),
    )


def test_the_example_of_the_reference_comes_back_equal() -> None:
    config = decoded(REFERENCE)
    check(config)
    again = msgspec.json.encode(shown(config, lambda _provider, _base: True))
    assert msgspec.json.decode(again) == msgspec.json.decode(REFERENCE)


def test_the_members_of_the_reference_are_always_there() -> None:
    assert set(msgspec.json.decode(msgspec.json.encode(ConfigData()))) == {
        "agents",
        "providers",
        "channels",
        "gateway",
    }


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"agent": {}}', "`agent`"),
        (b'{"gateway": {"bind": "0.0.0.0"}}', r"`bind` - at `\$.gateway`"),
        (b'{"gateway": {"api_port": "3100"}}', r"\$.gateway.api_port"),
        (b'{"agents": {"defaults": {"temperature": 3}}}', r"\$.agents.defaults.temperature"),
    ],
)
def test_a_member_that_would_be_lost_or_is_of_the_wrong_type_is_refused_by_its_path(
    text: bytes, path: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        decoded(text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "***",
        "sk-***abcd",
        "[REDACTED]",
        "__OPENCLAW_REDACTED__",
        "••••••1234",
        "xxxxxxxx",
        "<your key>",
        "{{secret:a}}",
    ],
)
def test_what_stands_in_for_a_key_is_refused_by_its_path(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(with_key(key))
    assert refused.value.path == "$.providers.anthropic.api_key"
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize("key", ["sk ant", "sk-a\r\nHost: evil", "sk-é", "k" * 4097])
def test_a_key_that_could_not_be_sent_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match="printable ASCII"):
        refuse_placeholder(key + "1", path="$")


def test_a_real_key_passes_and_never_shows_in_a_repr() -> None:
    config = with_key("sk-ant-api03-abc_DEF-123")
    check(config)
    [key] = keys_in(config)
    assert key.key == "sk-ant-api03-abc_DEF-123"
    assert "abc_DEF" not in repr(config) + repr(key)


def test_the_view_has_no_keys_and_says_which_are_set() -> None:
    view = shown(with_key("sk-ant-123"), lambda provider, _base: provider == "anthropic")
    assert b'"api_key":' not in msgspec.json.encode(view)
    assert view.providers["anthropic"].api_key_set is True


@pytest.mark.parametrize(
    "base",
    [
        "ftp://h:21",
        "api.example.com",
        "https://",
        "https://u:p@h",
        "https://h/?key=1",
        "https://h:99999",
        "https://h o",
    ],
)
def test_an_address_that_is_none_or_that_holds_a_secret_is_refused_by_its_path(base: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(with_key("sk-ant-123", base))
    assert refused.value.path == "$.providers.anthropic.api_base"


@pytest.mark.parametrize("name", ["token", "bot_token", "api_key", "API-KEY", "client-secret", "password"])
def test_a_channel_setting_that_names_a_secret_is_refused(name: str) -> None:
    config = decoded(msgspec.json.encode({"channels": {"discord": {"settings": {name: "x"}}}}))
    with pytest.raises(Invalid, match=rf"\$.channels.discord.settings.{name}"):
        check(config)


def test_a_key_belongs_to_scheme_host_and_port_whatever_the_path() -> None:
    key = ProviderKey.entered("openai", "https://API.openai.com", "sk-1")
    assert key.origin == origin_for("openai", "https://api.openai.com:443/v1/") == origin_for("openai", "")
    for elsewhere in (
        "http://api.openai.com",
        "https://api.openai.com:8443",
        "https://evil.example/api.openai.com",
    ):
        assert origin_for("openai", elsewhere) != key.origin


def test_a_provider_is_at_home_at_its_own_address_only() -> None:
    assert at_home("anthropic", "")
    assert at_home("anthropic", "https://api.anthropic.com/")
    assert not at_home("anthropic", "https://proxy.example")
    assert not at_home("of-my-own", "https://proxy.example")


def test_the_environment_variable_of_a_provider_is_its_name_in_capitals() -> None:
    assert environment_name("anthropic") == "ANTHROPIC_API_KEY"
    assert environment_name("my-llm.2") == "MY_LLM_2_API_KEY"
