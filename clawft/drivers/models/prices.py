"""Prices: what a call cost, by the tables of ``genai-prices`` that come with the package."""

import ipaddress
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec.structs import replace

from clawft.domain.costs import Usage

log = logging.getLogger(__name__)

Price = Callable[[str, Usage, int], Usage]
"""``price(model, usage, cached)``: the usage with its cost; ``cached`` input tokens cost less."""


def free(_model: str, usage: Usage, _cached: int = 0) -> Usage:
    """For models that run on our own machines."""
    return usage


def is_own(base: str) -> bool:
    """Whether an address is this machine's or one of the house's: nobody bills for what runs there."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local", ".lan", ".internal", ".home.arpa")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_loopback or address.is_private


def price_at(provider: str, base: str, *, with_key: bool) -> Price:
    """How calls of a provider at this address are priced. Imports the tables; not for the event loop.

    A keyless server of one's own is free. A model that the tables do not know is ``unpriced``, never free.
    """
    if is_own(base) and not with_key:
        return free
    try:
        from genai_prices import Usage as Tokens
        from genai_prices import calc_price
    except ImportError:
        log.warning("genai-prices is not installed: what %s costs is not known", provider)
        return _unpriced

    def price(model: str, usage: Usage, cached: int = 0) -> Usage:
        tokens = Tokens(
            input_tokens=usage.input_tokens, cache_read_tokens=cached, output_tokens=usage.output_tokens
        )
        try:
            found = calc_price(tokens, model_ref=model, provider_id=provider)
        except LookupError:
            return _unpriced(model, usage)
        except ValueError as error:
            log.warning("%s/%s has a price that cannot be applied: %s", provider, model, error)
            return _unpriced(model, usage)
        return replace(
            usage,
            input_cost_usd=float(found.input_price),
            output_cost_usd=float(found.output_price),
            cost_usd=float(found.input_price) + float(found.output_price),
        )

    return price


def _unpriced(_model: str, usage: Usage, _cached: int = 0) -> Usage:
    return replace(usage, unpriced=True)
