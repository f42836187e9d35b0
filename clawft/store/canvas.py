"""The canvas as it is kept."""

from clawft.domain.canvas import CanvasElement
from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import CanvasRow


class CanvasStore:
    """The elements on the canvas, in order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self) -> Reply[tuple[CanvasElement, ...]]:
        def work() -> tuple[CanvasElement, ...]:
            rows = CanvasRow.select().order_by(CanvasRow.position)
            return tuple(CanvasElement(row.id, row.element, row.session_key) for row in rows)

        return self._store.read(work)

    def change(self, before: tuple[CanvasElement, ...], after: tuple[CanvasElement, ...]) -> Reply[None]:
        """Make what is kept ``after``, writing only what differs from ``before``, in one transaction."""
        places = {element.id: (number, element) for number, element in enumerate(before)}
        changed = [
            (number, element)
            for number, element in enumerate(after)
            if not _same(places.get(element.id), number, element)
        ]
        gone = places.keys() - {element.id for element in after}
        return self._store.write(lambda: _write(changed, tuple(gone)))


def _same(place: tuple[int, CanvasElement] | None, number: int, element: CanvasElement) -> bool:
    return place is not None and place[0] == number and place[1] is element


def _write(changed: list[tuple[int, CanvasElement]], gone: tuple[str, ...]) -> None:
    if gone:
        CanvasRow.delete().where(CanvasRow.id.in_(gone)).execute()
    for number, element in changed:
        CanvasRow.insert(
            id=element.id, position=number, element=element.element, session_key=element.session_key
        ).on_conflict_replace().execute()
