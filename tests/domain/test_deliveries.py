"""Deliveries: what is tried again and when, and how a webhook is signed."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from clawft.domain.config import ChannelConfig, ConfigData, check
from clawft.domain.deliveries import MOST_ATTEMPTS, Attempt, Verdict, pause, verdict
from clawft.domain.webhooks import headers, judged, shown, signing_key
from clawft.errors import Invalid

NOW = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def test_what_did_not_arrive_is_tried_later_and_later_and_not_for_ever() -> None:
    pauses = [pause(number).total_seconds() for number in range(1, MOST_ATTEMPTS + 1)]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    refused = Attempt("not_sent", "nobody was reached")
    assert verdict(refused, 1, NOW) == Verdict("queued", "nobody was reached", NOW + timedelta(seconds=5))
    assert verdict(refused, MOST_ATTEMPTS, NOW).state == "failed"


def test_a_receiver_may_ask_for_a_longer_pause_up_to_an_hour() -> None:
    assert verdict(Attempt("not_sent", "", 60), 1, NOW).next_attempt == NOW + timedelta(seconds=60)
    assert verdict(Attempt("not_sent", "", 10**9), 1, NOW).next_attempt == NOW + timedelta(hours=1)


@pytest.mark.parametrize("state", ["sent", "failed", "unknown"])
def test_nothing_else_is_tried_again(state: str) -> None:
    decided = verdict(Attempt(state, "so"), 1, NOW)  # type: ignore[arg-type]  # the states are parameters
    assert decided == Verdict(state, "so")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "sent"),
        (202, "sent"),
        (302, "failed"),
        (400, "failed"),
        (404, "failed"),
        (429, "not_sent"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "not_sent"),
        (504, "unknown"),
    ],
)
def test_an_answer_says_whether_it_arrived(status: int, state: str) -> None:
    assert judged(status, "").state == state


def test_how_long_to_wait_is_read_in_seconds_only() -> None:
    assert judged(503, "7").retry_after == 7
    assert judged(503, "Wed, 21 Oct 2026 07:28:00 GMT").retry_after == 0


def test_a_receiver_can_check_the_signature_with_its_key() -> None:
    key = signing_key("secret", "hook")
    sent = headers(key, "dlv-1", b'{"a":1}', NOW)
    theirs = base64.b64decode(shown(key).removeprefix("whsec_"))
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + b'{"a":1}'
    expected = base64.b64encode(hmac.new(theirs, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"
    assert sent["Idempotency-Key"] == "dlv-1"
    assert signing_key("secret", "other") != key


@pytest.mark.parametrize("url", [None, 7, "", "ftp://a/b", "http://", "https://me:pw@example.com/x"])
def test_a_webhook_without_an_address_is_refused_in_the_config(url: object) -> None:
    settings = {} if url is None else {"url": url}
    config = ConfigData(channels={"hook": ChannelConfig(True, "webhook", settings=settings)})
    with pytest.raises(Invalid) as refused:
        check(config)
    assert refused.value.path == "$.channels.hook.settings.url"
