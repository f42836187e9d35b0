"""What can be asked of models: the accounts at their providers."""

from typing import Literal

from clawft.domain.accounts import AccountState
from clawft.domain.config import ProviderConfig
from clawft.domain.values import Value
from clawft.runtime import Ask, Tell


class ListProviders(Ask[tuple[AccountState, ...]], frozen=True):
    """Every provider that the config names, that a key is there for or that was asked, and how it stands."""


class Leave(Value, frozen=True):
    """The leave to make one call; ``CallEnded`` gives it back."""

    number: int
    account: str
    """The path of the account that gave it."""
    reached: object
    """What the call is made with; a ``Reached`` of the drivers."""


class EnterProvider(Ask[Leave], frozen=True):
    """Wait until a provider may be called. Raises ``ModelFailed`` when it cannot be: no key, no address, in
    trouble."""

    provider: str


class EnterAccount(Ask[Leave], frozen=True):
    """The same, asked of the account."""


class DescribeAccount(Ask[AccountState], frozen=True):
    """How this account stands."""


class Reconfigure(Tell, frozen=True):
    """The config or a key has changed; this is the provider's part of it."""

    config: ProviderConfig


Outcome = Literal["worked", "refused", "failed", "rate_limited", "cut_off"]
"""``refused``: the provider is well and will not. ``cut_off``: by us, so that nothing is known."""


class CallEnded(Ask[None], frozen=True):
    """The call that ``number`` was the leave for is over."""

    number: int
    outcome: Outcome
    retry_after: float = 0.0
    detail: str = ""
