"""Channels: counts that last, and a status that is true."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawft.actors.channels import Channels
from clawft.domain.channels import ChannelStatus
from clawft.domain.events import ChannelChanged
from clawft.domain.values import UNSET
from clawft.errors import StorageFull
from clawft.messages.channels import ChannelReport, ChannelUsed, ListChannels
from clawft.messages.events import Publish
from clawft.runtime import Reply, System
from clawft.store import Store
from clawft.store.channels import ChannelStore
from tests.actors.moments import NOW, until
from tests.actors.recorder import Recorder


class Host:
    def __init__(self, folder: Path, store: type[ChannelStore] = ChannelStore) -> None:
        self.published: list[Publish] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, folder)
        self.store = store(self.kept)
        self.system.spawn(Recorder, "events", self.published)
        self.system.spawn(Channels, "channels", store=self.store)

    async def rows(self) -> dict[str, ChannelStatus]:
        return {channel.name: channel for channel in await self.system.ask("channels", ListChannels())}

    def changes(self) -> list[ChannelStatus]:
        return [note.event.channel for note in self.published if isinstance(note.event, ChannelChanged)]

    async def stop(self) -> None:
        assert await self.system.shutdown(5) == ()
        self.kept.close()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data")
    yield host
    await host.stop()


async def test_a_fresh_host_has_web_and_voice_and_nobody_has_used_them(host: Host) -> None:
    assert await host.rows() == {
        "voice": ChannelStatus("voice", "voice", "disconnected", 0),
        "web": ChannelStatus("web", "web", "disconnected", 0),
    }


async def test_use_is_counted_in_both_directions_and_published(host: Host) -> None:
    host.system.tell("channels", ChannelUsed("web", NOW))
    host.system.tell("channels", ChannelUsed("web", NOW, 2))
    row = (await host.rows())["web"]
    assert (row.message_count, row.last_activity) == (3, NOW)
    await until(lambda: [channel.message_count for channel in host.changes()] == [1, 3])


async def test_the_status_is_what_was_last_reported(host: Host) -> None:
    host.system.tell("channels", ChannelReport("web", "connected"))
    assert (await host.rows())["web"].status == "connected"
    host.system.tell("channels", ChannelReport("web", "connected"))
    host.system.tell("channels", ChannelReport("web", "error", "the port is taken"))
    assert (await host.rows())["web"].status == "error"
    await until(lambda: [channel.status for channel in host.changes()] == ["connected", "error"])


async def test_a_channel_is_listed_from_its_first_report_on(host: Host) -> None:
    host.system.tell("channels", ChannelReport("telegram", "disconnected"))
    assert (await host.rows())["telegram"] == ChannelStatus("telegram", "telegram", "disconnected", 0)


async def test_counts_survive_a_restart_and_the_status_is_found_out_anew(tmp_path: Path) -> None:
    host = Host(tmp_path / "data")
    host.system.tell("channels", ChannelReport("web", "connected"))
    for _ in range(100):
        host.system.tell("channels", ChannelUsed("web", NOW))
    await host.rows()
    while [channel.message_count for channel in await host.store.all()] != [100]:
        pass
    await host.stop()
    again = Host(tmp_path / "data")
    assert (await again.rows())["web"] == ChannelStatus("web", "web", "disconnected", 100, NOW)
    assert (await again.rows())["voice"].last_activity is UNSET
    await again.stop()


class FullDisk(ChannelStore):
    full = True

    def keep(self, channels: tuple[ChannelStatus, ...]) -> Reply[None]:
        return Reply.failed(StorageFull("no room")) if self.full else super().keep(channels)


async def test_counts_that_could_not_be_kept_are_kept_with_the_next_message(tmp_path: Path) -> None:
    host = Host(tmp_path / "data", FullDisk)
    host.system.tell("channels", ChannelUsed("web", NOW))
    host.system.tell("channels", ChannelUsed("voice", NOW))
    assert (await host.rows())["web"].message_count == 1
    FullDisk.full = False
    host.system.tell("channels", ChannelUsed("voice", NOW))
    await host.rows()
    while len(await host.store.all()) < 2:
        pass
    assert {row.name: row.message_count for row in await host.store.all()} == {"voice": 2, "web": 1}
    await host.stop()
