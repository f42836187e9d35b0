"""The one who keeps the config, and the keys that are not in it."""

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clawft.actors.config import Config
from clawft.domain.config import ConfigData, ConfigSaved
from clawft.drivers.config_file import ConfigFile
from clawft.drivers.secrets import KeyFile
from clawft.errors import Conflict, Invalid, StorageFull, Unavailable
from clawft.messages.config import ConfigChanged, ConfigTrouble, GetConfig, PutConfig, SecretOf, WatchConfig
from clawft.runtime import System
from tests.actors.recorder import Recorder, of_kind

HOME = "https://api.anthropic.com"
ELSEWHERE = "https://anthropic.proxy.example"


class House:
    """A system with a config in a folder; may be left and entered again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.heard: list[Any] = []
        self.watchers: set[str] = set()
        self.system: System

    async def enter(self) -> None:
        """Back when the config has been read."""
        self.system = System("test")
        self.system.attach()
        self.system.spawn(Recorder, "watcher", self.heard)
        self.system.spawn(
            Config,
            "config",
            file=ConfigFile(self.folder / "config.json"),
            keys=KeyFile(self.folder / "secrets.json"),
            environment=self.environment,
            watchers=self.watchers,
        )
        await self.get()

    async def leave(self) -> None:
        assert await self.system.shutdown(5) == ()

    async def again(self) -> None:
        await self.leave()
        await self.enter()

    async def get(self) -> ConfigData:
        return await self.system.ask("config", GetConfig())

    async def put(self, body: dict[str, Any]) -> ConfigSaved:
        return await self.system.ask("config", PutConfig(config=msgspec.convert(body, ConfigData)))

    async def secret(self, api_base: str, provider: str = "anthropic") -> str | None:
        return await self.system.ask("config", SecretOf(provider=provider, api_base=api_base))


def anthropic(**members: Any) -> dict[str, Any]:
    return {"providers": {"anthropic": {"api_base": HOME, **members}}}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.enter()
    yield house
    await house.leave()


async def test_a_fresh_host_has_the_defaults_and_writes_nothing(house: House) -> None:
    assert await house.get() == ConfigData()
    assert await house.system.ask("config", ConfigTrouble()) is None
    assert list(house.folder.iterdir()) == []


async def test_a_put_replaces_the_config_and_survives_a_restart(house: House) -> None:
    await house.put({"gateway": {"api_port": 3100}, "channels": {"discord": {"enabled": True}}})
    saved = await house.put({"agents": {"defaults": {"model": "openai/x"}}})
    assert msgspec.json.encode(saved) == b'{"success":true}'
    for _ in range(2):
        config = await house.get()
        assert (config.agents.defaults.model, config.gateway.api_port, config.channels) == (
            "openai/x",
            18789,
            {},
        )
        await house.again()


async def test_a_key_is_kept_apart_and_never_shown(house: House) -> None:
    await house.put(anthropic(api_key="sk-ant-1"))
    config = await house.get()
    assert config.providers["anthropic"].api_key_set is True
    assert b"sk-ant-1" not in msgspec.json.encode(config)
    assert "sk-ant-1" not in (house.folder / "config.json").read_text()
    assert (house.folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    await house.again()
    assert await house.secret(HOME) == "sk-ant-1"


@pytest.mark.parametrize("said", [True, False])
async def test_a_stored_key_stays_whatever_the_put_says_of_it(house: House, said: bool) -> None:
    await house.put(anthropic(api_key="sk-ant-1"))
    await house.put(anthropic(api_key_set=said))
    await house.put(anthropic(api_key=None))
    assert await house.secret(HOME) == "sk-ant-1"
    assert (await house.get()).providers["anthropic"].api_key_set is True


async def test_saying_that_a_key_is_set_does_not_set_one(house: House) -> None:
    await house.put(anthropic(api_key_set=True))
    assert (await house.get()).providers["anthropic"].api_key_set is False


async def test_a_key_does_not_follow_its_provider_to_another_address(house: House) -> None:
    await house.put(anthropic(api_key="sk-ant-1"))
    await house.put(anthropic(api_base=ELSEWHERE))
    assert await house.secret(ELSEWHERE) is None
    assert (await house.get()).providers["anthropic"].api_key_set is False
    await house.put(anthropic(api_base=HOME + "/v1"))
    assert await house.secret(HOME + "/v1") == "sk-ant-1"


async def test_a_key_of_the_environment_wins_at_the_providers_own_address_only(house: House) -> None:
    house.environment["ANTHROPIC_API_KEY"] = "sk-env\n"
    await house.put(anthropic(api_key="sk-ant-1", api_base=ELSEWHERE))
    assert await house.secret(HOME) == await house.secret("") == "sk-env"
    assert await house.secret(ELSEWHERE) == "sk-ant-1"


async def test_what_stands_in_for_a_key_is_refused_and_changes_nothing(house: House) -> None:
    await house.put(anthropic(api_key="sk-ant-1"))
    with pytest.raises(Invalid, match=r"\$.providers.anthropic.api_key"):
        await house.put({"gateway": {"api_port": 1}, **anthropic(api_key="***")})
    assert (await house.get()).gateway.api_port == 18789
    assert await house.secret(HOME) == "sk-ant-1"


async def test_whoever_watches_is_told_of_a_change_after_it_was_written(house: House) -> None:
    assert await house.system.ask("config", WatchConfig(path="watcher")) == ConfigData()
    await house.put({"gateway": {"api_port": 1}, **anthropic(api_key="sk-ant-1")})
    [told] = of_kind(house.heard, ConfigChanged)
    assert told.config == await house.get()
    assert json.loads((house.folder / "config.json").read_text())["gateway"]["api_port"] == 1


async def test_watchers_are_not_forgotten_when_the_actor_begins_anew(house: House) -> None:
    await house.system.ask("config", WatchConfig(path="watcher"))
    house.system.restart("config")
    await house.get()
    house.heard.clear()
    await house.put({"gateway": {"api_port": 1}})
    assert len(of_kind(house.heard, ConfigChanged)) == 1


async def test_puts_at_the_same_time_come_one_after_the_other(house: House) -> None:
    ports = range(1, 21)
    await asyncio.gather(*(house.put({"gateway": {"api_port": port}}) for port in ports))
    assert (await house.get()).gateway.api_port == 20
    assert json.loads((house.folder / "config.json").read_text())["gateway"]["api_port"] == 20


async def test_a_put_that_has_begun_is_whole_though_its_client_went_away(house: House) -> None:
    reply = house.system.ask(
        "config", PutConfig(config=msgspec.convert({"gateway": {"api_port": 7}}, ConfigData))
    )
    await asyncio.sleep(0)
    reply.cancel()
    assert (await house.get()).gateway.api_port == 7
    await house.again()
    assert (await house.get()).gateway.api_port == 7


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, StorageFull), (errno.EIO, Unavailable)])
async def test_a_config_that_cannot_be_written_is_not_in_effect(
    house: House, number: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.put(anthropic(api_key="sk-ant-1"))
    replaced = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target.name == "config.json":
            raise OSError(number, os.strerror(number))
        return replaced(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(error):
        await house.put({"gateway": {"api_port": 1}, **anthropic(api_key="sk-ant-2")})
    assert (await house.get()).gateway.api_port == 18789
    monkeypatch.undo()
    await house.again()
    assert (await house.get()).gateway.api_port == 18789
    assert await house.secret(HOME) == "sk-ant-1"


async def test_a_broken_file_at_the_start_is_said_and_mended_by_a_put(house: House) -> None:
    await house.put({"gateway": {"api_port": 1}})
    (house.folder / "config.json").write_text("{ broken")
    await house.again()
    assert (await house.get()).gateway.api_port == 1
    trouble = await house.system.ask("config", ConfigTrouble())
    assert trouble is not None
    assert "config.json" in trouble
    assert str(house.folder) not in trouble
    await house.put({"gateway": {"api_port": 2}})
    assert await house.system.ask("config", ConfigTrouble()) is None
    assert (house.folder / "config.json.broken").read_text() == "{ broken"


async def test_broken_keys_are_said_and_not_written_over(house: House) -> None:
    (house.folder / "secrets.json").write_text("{ broken")
    await house.again()
    assert "keys" in (await house.system.ask("config", ConfigTrouble()) or "")
    await house.put({"gateway": {"api_port": 2}})
    with pytest.raises(Conflict, match="keys"):
        await house.put(anthropic(api_key="sk-ant-1"))
    assert (house.folder / "secrets.json").read_text() == "{ broken"


async def test_no_key_shows_in_a_dead_letter(house: House) -> None:
    config = msgspec.convert(anthropic(api_key="sk-ant-1"), ConfigData)
    assert "sk-ant-1" not in repr(PutConfig(config=config))
