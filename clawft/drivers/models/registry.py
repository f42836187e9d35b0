"""The models of this host, by provider."""

from typing import NamedTuple

from clawft.domain.models import split_model
from clawft.drivers.models.base import Model
from clawft.drivers.models.offline import OfflineModel
from clawft.drivers.models.prices import Price, free
from clawft.errors import ModelFailed


class Found(NamedTuple):
    """A model that can be asked: who runs it, and what it is called there."""

    model: Model | None
    """None: it is reached through the provider's account, which gives it with the leave to ask."""
    provider: str
    name: str
    price: Price = free

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.name}"


class Models:
    """The models that need no account. The offline provider is always there."""

    def __init__(self) -> None:
        self._providers: dict[str, Model] = {"offline": OfflineModel()}

    def add(self, provider: str, model: Model) -> None:
        """Have all models of a provider answered by this one; it is told which by the request."""
        self._providers[provider] = model

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(sorted(self._providers))

    def find(self, name: str) -> Found:
        """Raises ``ModelFailed`` for a name without a provider. Whether another has an account is not ours
        to say."""
        provider, model = split_model(name)
        if not provider or not model:
            raise ModelFailed(
                f"{name[:100]!r} names no provider; a model is named like offline/rules-1", reason="not_found"
            )
        return Found(self._providers.get(provider), provider, model)
