"""The config file."""

import stat
from pathlib import Path

import msgspec
import pytest

from clawft.domain.config import ConfigData, GatewayConfig
from clawft.drivers.config_file import ConfigFile

ONE = ConfigData(gateway=GatewayConfig(api_port=1))
TWO = ConfigData(gateway=GatewayConfig(api_port=2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def test_no_file_means_the_defaults_and_no_trouble(path: Path) -> None:
    loaded = ConfigFile(path).load()
    assert (loaded.config, loaded.trouble) == (ConfigData(), "")
    assert not path.exists()


def test_a_config_comes_back_as_it_was_saved(path: Path) -> None:
    ConfigFile(path).save(ONE)
    assert ConfigFile(path).load().config == ONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "truncated"),
        ('{"gatewy": {}}', "gatewy"),
        ('{"gateway": {"api_port": "x"}}', "gateway.api_port"),
        ('{"providers": {"openai": {"api_base": "nowhere"}}}', "api_base"),
        ('{"providers": {"openai": {"api_key": "sk-1"}}}', "keys are not kept"),
        ("[" * 100_000, ""),
    ],
)
def test_a_file_that_cannot_be_used_is_said_and_the_last_good_config_is_used(
    path: Path, text: str, why: str
) -> None:
    ConfigFile(path).save(ONE)
    ConfigFile(path).save(TWO)
    path.write_text(text)
    loaded = ConfigFile(path).load()
    assert loaded.config == TWO
    assert why in loaded.trouble
    assert "the last good config is in use" in loaded.trouble
    assert path.read_text() == text


def test_looking_changes_nothing(path: Path) -> None:
    path.write_bytes(msgspec.json.encode(ONE))
    assert ConfigFile(path).look().config == ONE
    assert [found.name for found in path.parent.iterdir()] == ["config.json"]


def test_the_operators_own_members_survive_a_put(path: Path) -> None:
    path.write_text('{"auth": {"local_trust": false}}')
    ConfigFile(path).save(TWO)
    loaded = ConfigFile(path).load()
    assert (loaded.config, loaded.auth.local_trust) == (TWO, False)


@pytest.mark.parametrize(("text", "trusts"), [("{", True), ('{"auth": {"local_trust": fals', False)])
def test_a_file_that_was_never_good_does_not_trust_more_than_it_may_have_said(
    path: Path, text: str, trusts: bool
) -> None:
    path.write_text(text)
    assert ConfigFile(path).load().auth.local_trust is trusts


def test_without_a_last_good_config_the_defaults_are_used(path: Path) -> None:
    path.write_text("{")
    loaded = ConfigFile(path).load()
    assert loaded.config == ConfigData()
    assert "the defaults are in use" in loaded.trouble


def test_a_config_written_by_hand_becomes_the_last_good_one(path: Path) -> None:
    path.write_bytes(msgspec.json.encode(ONE))
    ConfigFile(path).load()
    path.write_text("{")
    assert ConfigFile(path).load().config == ONE


def test_saving_over_a_broken_file_keeps_it_aside(path: Path) -> None:
    path.write_text("{ mine")
    ConfigFile(path).save(ONE)
    assert ConfigFile(path).load() == ConfigFile(path).load()
    assert ConfigFile(path).load().config == ONE
    assert path.with_name("config.json.broken").read_text() == "{ mine"


def test_a_folder_in_place_of_the_file_is_trouble_not_a_crash(path: Path) -> None:
    path.mkdir()
    assert "Is a directory" in ConfigFile(path).load().trouble
    with pytest.raises(OSError, match="directory"):
        ConfigFile(path).save(ONE)
