"""What can be asked of channels."""

from datetime import datetime

from clawft.domain.channels import ChannelState, ChannelStatus
from clawft.runtime import Ask, Tell


class ListChannels(Ask[tuple[ChannelStatus, ...]], frozen=True):
    """Every channel, by name."""


class ChannelUsed(Tell, frozen=True):
    """Messages went through a channel, in either direction."""

    name: str
    at: datetime
    messages: int = 1


class ChannelReport(Tell, frozen=True):
    """The channel's last poll or heartbeat says this."""

    name: str
    status: ChannelState
    detail: str = ""
