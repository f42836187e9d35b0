"""Accounts: how it stands with each provider of models."""

from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

CONCURRENCY = 50
"""Calls under way at once at one provider, unless the config says otherwise."""
PATIENCE = 90.0
"""Seconds a model may be silent, unless the config says otherwise."""

KeyState = Literal["set", "missing", "not_needed"]


class AccountState(Value, frozen=True):
    """One provider, as it is now. ``resting``: it failed too often, or asked us to wait."""

    name: str
    type: str
    api_base: str
    key: KeyState
    state: Literal["ready", "resting", "disabled"]
    running: int = 0
    waiting: int = 0
    failures: int = 0
    """In a row."""
    resting_seconds: float | UnsetType = UNSET
    last_error: str | UnsetType = UNSET
