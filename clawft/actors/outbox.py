"""The outbox: brings what is to be told outside to its channel, and knows what came of it."""

import asyncio
import logging

from clawft.actors.clock import Clock, utc_now
from clawft.actors.insist import NOT_NOW, insist
from clawft.actors.publish import publish
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.config import webhook_address
from clawft.domain.deliveries import LOCAL, Attempt, Delivery, DeliveryPage, Verdict, verdict
from clawft.domain.events import DeliveryChanged, MessageAdded
from clawft.domain.sessions import VOICE_SESSION, ChatMessage
from clawft.domain.webhooks import SigningKey, shown, signing_key
from clawft.drivers.webhook import Poster
from clawft.errors import ClawftError
from clawft.messages.channels import ChannelReport, ChannelUsed
from clawft.messages.config import GetConfig
from clawft.messages.outbox import Deliver, GetSigningKey, ListDeliveries, ResendDelivery, Wake
from clawft.messages.sessions import OpenSession
from clawft.messages.voice import SayAloud
from clawft.runtime import Actor, MailboxFull, Reply, Tell, on
from clawft.store.outbox import OutboxStore

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what may be tried again."""


class Outbox(Actor):
    """Each delivery is a row before anything is done about it. One try at a time a channel.

    A try that certainly did not arrive is made again, later and later. One of which nobody knows is
    ``unknown``, also after the host has died in the middle of it, and waits for a person to decide.
    ``look_every=None``: only who tells ``Wake`` has it looked.
    """

    def __init__(
        self,
        *,
        store: OutboxStore,
        poster: Poster,
        secret: str,
        now: Clock = utc_now,
        look_every: float | None = LOOK_EVERY,
    ) -> None:
        super().__init__()
        self._store = store
        self._poster = poster
        self._secret = secret
        self._now = now
        self._look_every = look_every
        self._busy: dict[str, str] = {}
        """By channel, the id of the delivery that is under way there."""

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        for delivery in await self._store.doubt_open(self._now()):
            log.warning(
                "the delivery %s to %s is unknown: %s", delivery.id, delivery.channel, delivery.detail
            )
            self._changed(delivery)
        if self._look_every is not None:
            self.every(self._look_every, Wake())
            self.tell(self.ref, Wake())

    # -- what may be asked

    @on(ListDeliveries)
    def all(self, ask: ListDeliveries) -> Reply[DeliveryPage]:
        return self._store.page(ask.state, ask.limit, ask.offset)

    @on(Deliver)
    async def deliver(self, ask: Deliver) -> Delivery:
        await self._store.add((ask.delivery,))
        self._changed(ask.delivery)
        self._wake()
        return ask.delivery

    @on(ResendDelivery)
    async def resend(self, ask: ResendDelivery) -> Delivery:
        delivery = await self._store.resend(ask.id, self._now())
        self._changed(delivery)
        self._wake()
        return delivery

    @on(GetSigningKey)
    def key(self, ask: GetSigningKey) -> SigningKey:
        return SigningKey(ask.channel, shown(signing_key(self._secret, ask.channel)))

    # -- trying

    @on(Wake)
    async def look(self, _: Wake) -> None:
        try:
            due = await self._store.due(self._now())
        except NOT_NOW as error:
            log.warning("the outbox could not be looked at: %s", error)
            return
        for channel, id in due:
            if channel not in self._busy:
                self._busy[channel] = id
                self.background(self._try(channel, id))

    async def _try(self, channel: str, id: str) -> None:
        """One try, and then the next look: more may wait for the same channel."""
        try:
            delivery = await self._store.begin(id, self._now())
            if delivery is not None:
                self._changed(delivery)
                self._changed(await self._tried(delivery))
        except NOT_NOW as error:
            log.error("the delivery %s was not tried, next look in a moment: %s", id, error)
            return
        finally:
            del self._busy[channel]
        self._wake()

    async def _tried(self, delivery: Delivery) -> Delivery:
        try:
            attempt = await self._attempt(delivery)
        except asyncio.CancelledError:
            # What the store does not get to write is settled at the next start.
            doubt = Verdict("unknown", "it was stopped while it was being sent")
            self._store.settle(delivery.id, doubt, self._now())
            raise
        if isinstance(attempt, Delivery):
            return attempt
        self._report(delivery.channel, attempt)
        at = self._now()
        decided = verdict(attempt, delivery.attempts, at)
        return await insist(
            lambda: self._store.settle(delivery.id, decided, at), f"what became of the delivery {delivery.id}"
        )

    async def _attempt(self, delivery: Delivery) -> Attempt | Delivery:
        """What came of it; a delivery when that is on the disk already."""
        try:
            if delivery.channel in LOCAL:
                return await self._say(delivery)
            return await self._post(delivery)
        except NOT_NOW as error:
            return Attempt("not_sent", str(error))
        except ClawftError as error:
            return Attempt("failed", str(error))
        except Exception as error:
            log.exception("the delivery %s failed", delivery.id)
            return Attempt("unknown", f"an internal error: {type(error).__name__}")

    async def _say(self, delivery: Delivery) -> Delivery:
        """``web`` says it in the session it is addressed to, ``voice`` in the conversation held aloud."""
        key = delivery.to or ""
        if delivery.channel == "voice":
            key = VOICE_SESSION
            await self.ask("sessions", OpenSession(key, DEFAULT_AGENT))
        at = self._now()
        said = ChatMessage("assistant", delivery.content, at, ())
        sent = await self._store.say(delivery.id, key, said, at)
        publish(self, MessageAdded(key, said))
        if delivery.channel == "voice":
            self.tell("voice", SayAloud(delivery.content))
        self._tell_channels(ChannelUsed(delivery.channel, at))
        return sent

    async def _post(self, delivery: Delivery) -> Attempt:
        config = await self.ask("config", GetConfig())
        channel = config.channels.get(delivery.channel)
        if channel is None or channel.type != "webhook":
            return Attempt("failed", f"no webhook is called {delivery.channel} in the config's channels")
        if not channel.enabled:
            return Attempt("failed", f"the channel {delivery.channel} is disabled")
        return await self._poster.post(webhook_address(channel), delivery, self._now())

    def _report(self, channel: str, attempt: Attempt) -> None:
        """The channel's row tells the truth about the last try."""
        if channel in LOCAL:
            return
        if attempt.state == "sent":
            self._tell_channels(ChannelReport(channel, "connected"))
            self._tell_channels(ChannelUsed(channel, self._now()))
        else:
            self._tell_channels(ChannelReport(channel, "error", attempt.why))

    def _tell_channels(self, note: Tell) -> None:
        try:
            self.tell("channels", note)
        except MailboxFull as error:
            log.warning("channels was not told of a delivery: %s", error)

    def _wake(self) -> None:
        try:
            self.tell(self.ref, Wake())
        except MailboxFull:
            log.info("the outbox has much to do and looks again in a moment")

    def _changed(self, delivery: Delivery) -> None:
        publish(
            self,
            DeliveryChanged(
                delivery.id, delivery.channel, delivery.state, delivery.attempts, delivery.detail
            ),
        )
