"""Remote: what it takes to reach a provider, made from what the config says of it."""

import logging
from dataclasses import dataclass
from typing import Protocol

from clawft.domain.config import WireFormat
from clawft.drivers.models.base import Model
from clawft.drivers.models.prices import Price, price_at
from clawft.errors import ModelFailed

log = logging.getLogger(__name__)


class RemoteModel(Model, Protocol):
    """A model at the other end of a connection."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Reached:
    """A provider that can be asked."""

    model: RemoteModel
    price: Price


def reach(who: str, format: WireFormat, base: str, key: str | None, patience: float) -> Reached:
    """Make the client. Takes seconds the first time, for what it imports: not for the event loop.

    Raises ``ModelFailed`` when the packages of the extra ``llm`` are not there.
    """
    price = price_at(who, base, with_key=key is not None)
    try:
        if format == "anthropic":
            from clawft.drivers.models.anthropic import AnthropicModel

            return Reached(AnthropicModel(who, base, key, patience=patience, price=price), price)
        from clawft.drivers.models.openai import OpenAIModel

        return Reached(OpenAIModel(who, base, key, patience=patience, price=price), price)
    except ImportError as error:
        log.error("the client for %s cannot be imported: %s", who, error)
        raise ModelFailed(
            f"asking {who} takes packages that are not installed: pip install 'clawft[llm]'",
            reason="no_client",
        ) from None
