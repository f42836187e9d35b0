"""The tool with which an agent says something outside its own conversation."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.actors.new_key import new_key
from clawft.domain.deliveries import LOCAL, Delivery
from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.values import MAX_CONTENT, UNSET
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.errors import Invalid, NotFound
from clawft.messages.config import GetConfig
from clawft.messages.outbox import Deliver
from clawft.messages.sessions import GetSession
from clawft.runtime import System


class MessageArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Send a message to a channel: web (said in a session), voice (said aloud) or one from the config."""

    content: Annotated[str, Meta(min_length=1, max_length=MAX_CONTENT)]
    channel: Annotated[
        str, Meta(min_length=1, max_length=100, description="web, voice, or a channel's name")
    ] = "web"
    to: Annotated[str, Meta(max_length=200, description="For web the session; without it this one")] = ""


class MessageTool:
    """The message is a row of the outbox before anything is done about it."""

    spec = spec_of("message", MessageArguments, effect="network", timeout=20.0)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, MessageArguments)
        await self._check(wanted.channel)
        to = wanted.to or (call.session_key if wanted.channel == "web" else "")
        if wanted.channel == "web":
            await self._system.ask("sessions", GetSession(to))  # not_found when there is none
        now = datetime.now(UTC)
        delivery = Delivery(
            id=new_key("dlv"),
            channel=wanted.channel,
            to=to or UNSET,
            content=wanted.content,
            state="queued",
            created_at=now,
            updated_at=now,
            source=call.turn_id or call.session_key,
        )
        kept = await self._system.ask("outbox", Deliver(delivery))
        return ToolResult(f"it is in the outbox for {wanted.channel} under the id {kept.id}")

    async def _check(self, channel: str) -> None:
        if channel in LOCAL:
            return
        channels = (await self._system.ask("config", GetConfig())).channels
        if channel not in channels:
            known = ", ".join((*LOCAL, *channels))
            raise NotFound(f"there is no channel {channel}; there are {known}")
        if not channels[channel].enabled:
            raise Invalid(f"the channel {channel} is disabled")
