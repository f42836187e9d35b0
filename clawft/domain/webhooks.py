"""Webhooks: what a delivery looks like as an HTTP request, and how it is signed."""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from clawft.domain.deliveries import Attempt, Delivery
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Invalid

KEY_PREFIX = "whsec_"
TRY_LATER = frozenset({429, 503})
"""Answers by which a receiver says that it has not taken it yet."""


class WebhookBody(Value, frozen=True):
    """What is posted."""

    id: str
    channel: str
    content: str
    created_at: datetime
    to: str | UnsetType = UNSET
    source: str | UnsetType = UNSET


class SigningKey(Value, frozen=True):
    """With this a receiver checks that a webhook came from this host."""

    channel: str
    key: str


def checked_address(url: object, path: str) -> str:
    """The address as it is, or ``Invalid`` when nothing can be posted there."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if (
        not isinstance(url, str)
        or parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
    ):
        raise Invalid("a webhook needs an http or https address", path=path)
    if parts.username or parts.password:
        raise Invalid("a webhook's address holds no user or password: the config is shown", path=path)
    return url


def body_of(delivery: Delivery) -> bytes:
    names = WebhookBody.__struct_fields__
    return msgspec.json.encode(WebhookBody(**{name: getattr(delivery, name) for name in names}))


def signing_key(secret: str, channel: str) -> bytes:
    """A channel's own key, so that one receiver cannot sign for another."""
    return hmac.new(secret.encode(), f"webhook:{channel}".encode(), hashlib.sha256).digest()


def shown(key: bytes) -> str:
    return KEY_PREFIX + base64.b64encode(key).decode()


def headers(key: bytes, id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers of the Standard Webhooks scheme; the id is the same at every attempt."""
    timestamp = str(int(at.timestamp()))
    signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": id,
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def judged(status: int, retry_after: str) -> Attempt:
    """What an answer means for the delivery."""
    said = f"the receiver answered {status}"
    if 200 <= status < 300:
        return Attempt("sent")
    if status in TRY_LATER:
        return Attempt("not_sent", said, float(retry_after) if retry_after.isdecimal() else 0.0)
    if status >= 500:
        return Attempt("unknown", f"{said}: it may have been taken or not")
    return Attempt("failed", said)
