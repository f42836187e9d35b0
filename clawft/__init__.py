"""A self-hosted agent host in which everything that lives is an actor."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clawft.host import Agent, Event, Host

__version__ = "0.1.0"
__all__ = ["Agent", "Event", "Host", "__version__"]


def __getattr__(name: str) -> Any:
    # The API is imported when it is used: `clawft serve` should not pay for it.
    if name in ("Agent", "Event", "Host"):
        from clawft import host

        return getattr(host, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
