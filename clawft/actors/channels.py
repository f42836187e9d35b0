"""The one who keeps count of the channels and tells whether they are there."""

import logging

import msgspec

from clawft.actors.publish import publish
from clawft.domain.channels import ChannelStatus
from clawft.domain.events import ChannelChanged
from clawft.messages.channels import ChannelReport, ChannelUsed, ListChannels
from clawft.runtime import Actor, Tell, on
from clawft.store.channels import ChannelStore

log = logging.getLogger(__name__)

BUILT_IN = ("voice", "web")


class Kept(Tell, frozen=True):
    """The store has taken the counts of these channels, or not; ``error`` is why."""

    names: frozenset[str]
    error: BaseException | None = None


class Channels(Actor):
    """A row a channel: its count survives a restart, its status is what was last reported since the start.

    A channel that somebody uses or reports on is listed from then on, of the type its name says.
    """

    def __init__(self, *, store: ChannelStore) -> None:
        super().__init__()
        self._store = store
        self._channels = {name: ChannelStatus(name, name, "disconnected", 0) for name in BUILT_IN}
        self._unsaved: set[str] = set()
        self._saving = False

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        self._channels |= {channel.name: channel for channel in await self._store.all()}

    def on_stop(self) -> None:
        self._save()

    @on(ListChannels)
    def all(self, _: ListChannels) -> tuple[ChannelStatus, ...]:
        return tuple(self._channels[name] for name in sorted(self._channels))

    @on(ChannelUsed)
    def used(self, note: ChannelUsed) -> None:
        channel = self._channel(note.name)
        count = channel.message_count + note.messages
        self._put(msgspec.structs.replace(channel, message_count=count, last_activity=note.at))
        self._unsaved.add(note.name)
        if not self._saving:
            self._save()

    @on(ChannelReport)
    def report(self, note: ChannelReport) -> None:
        if note.status == "error":
            log.warning("the channel %s is in trouble: %s", note.name, note.detail)
        channel = self._channel(note.name)
        if channel.status != note.status or note.name not in self._channels:
            self._put(msgspec.structs.replace(channel, status=note.status))

    @on(Kept)
    def kept(self, note: Kept) -> None:
        self._saving = False
        if note.error is not None:
            log.warning("the counts of channels are kept with the next message only: %s", note.error)
            self._unsaved |= note.names
        elif self._unsaved:
            self._save()

    def _channel(self, name: str) -> ChannelStatus:
        return self._channels.get(name) or ChannelStatus(name, name, "disconnected", 0)

    def _put(self, channel: ChannelStatus) -> None:
        self._channels[channel.name] = channel
        publish(self, ChannelChanged(channel))

    def _save(self) -> None:
        """One write at a time, of the latest counts, so that a busy channel does not flood the store."""
        names, self._unsaved = frozenset(self._unsaved), set()
        if names:
            self._saving = True
            reply = self._store.keep(tuple(self._channels[name] for name in sorted(names)))
            self.pipe(reply, lambda _: Kept(names), lambda error: Kept(names, error))
