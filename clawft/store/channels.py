"""Channels at rest: how much went through each, and when last."""

from clawft.domain.channels import ChannelStatus
from clawft.runtime import Reply
from clawft.store.columns import column, given
from clawft.store.store import Store
from clawft.store.tables import ChannelRow


class ChannelStore:
    """Counts by channel. Whether a channel is connected is nothing to keep: a new host finds out anew."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Reply[tuple[ChannelStatus, ...]]:
        """Every channel that was used, as disconnected, by name."""
        return self._store.read(
            lambda: tuple(_status(row) for row in ChannelRow.select().order_by(ChannelRow.name))
        )

    def keep(self, channels: tuple[ChannelStatus, ...]) -> Reply[None]:
        """Keep the counts of these channels."""
        return self._store.write(lambda: _keep(channels))


def _keep(channels: tuple[ChannelStatus, ...]) -> None:
    for channel in channels:
        ChannelRow.insert(
            name=channel.name,
            type=channel.type,
            message_count=channel.message_count,
            last_activity=column(channel.last_activity),
        ).on_conflict_replace().execute()


def _status(row: ChannelRow) -> ChannelStatus:
    return ChannelStatus(
        name=row.name,
        type=row.type,
        status="disconnected",
        message_count=row.message_count,
        last_activity=given(row.last_activity),
    )
