"""Pykka's registry of all actors, made quick enough for a hundred thousand of them."""

from typing import Any

from pykka import ActorRegistry

from clawft.runtime.ref import Ref


class RefList(dict[Ref, None]):
    """The registry keeps its references in a list and searches it at every stop: 475 us each at 30,000.

    This is that list with the search taken out.
    """

    def append(self, ref: Ref) -> None:
        self[ref] = None

    def remove(self, ref: Ref) -> None:
        del self[ref]

    def __getitem__(self, item: Any) -> Any:
        return list(self) if isinstance(item, slice) else super().__getitem__(item)


def quicken() -> None:
    """Put it in the list's place, with whoever is registered already."""
    ActorRegistry._actor_refs = RefList.fromkeys(ActorRegistry._actor_refs)  # type: ignore[assignment]
