"""The models of this host, by provider."""

from typing import NamedTuple

from clawft.domain.models import split_model
from clawft.drivers.models.base import Model
from clawft.drivers.models.offline import OfflineModel
from clawft.errors import ModelFailed


class Found(NamedTuple):
    """A model that can be asked: by whom it is run, and what it is called there."""

    model: Model
    provider: str
    name: str


class Models:
    """Finds the one who answers for a name like ``offline/rules-1``. The offline provider is always there."""

    def __init__(self) -> None:
        self._providers: dict[str, Model] = {"offline": OfflineModel()}

    def add(self, provider: str, model: Model) -> None:
        """Have all models of a provider answered by this one; it is told which by the request."""
        self._providers[provider] = model

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(sorted(self._providers))

    def find(self, name: str) -> Found:
        """Raises ``ModelFailed`` for a name without a provider, and for a provider this host has not."""
        provider, model = split_model(name)
        if not provider:
            raise ModelFailed(f"{name!r} names no provider; a model is named like offline/rules-1")
        if provider not in self._providers:
            known = ", ".join(self.providers)
            raise ModelFailed(f"no provider of models is called {provider!r}; this host has {known}")
        return Found(self._providers[provider], provider, model)
