"""What can be asked of the outbox."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.deliveries import Delivery, DeliveryPage, DeliveryState
from clawft.domain.values import Name
from clawft.domain.webhooks import SigningKey
from clawft.runtime import Ask, Tell


class ListDeliveries(Ask[DeliveryPage], frozen=True):
    """What was and is to be delivered, newest first; ``state`` narrows."""

    state: DeliveryState | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0


class ResendDelivery(Ask[Delivery], frozen=True):
    """Send again what failed or is unknown. It keeps its id, by which a receiver can tell a repetition."""

    id: str


class Deliver(Ask[Delivery], frozen=True):
    """Keep this and deliver it. Answers when it is on the disk. No route asks it."""

    delivery: Delivery


class Wake(Tell, frozen=True):
    """There is something new in the outbox."""


class GetSigningKey(Ask[SigningKey], frozen=True):
    """The key with which webhooks of a channel are signed, for whoever receives them."""

    channel: Name
