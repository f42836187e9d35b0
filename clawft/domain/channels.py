"""Channels: the ways messages come in and go out."""

from datetime import datetime
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

ChannelState = Literal["connected", "disconnected", "error"]


class ChannelStatus(Value, frozen=True):
    """The row of a channel. ``message_count`` counts both directions."""

    name: str
    type: str
    status: ChannelState
    message_count: int
    last_activity: datetime | UnsetType = UNSET
    routes_to: str | UnsetType = UNSET
