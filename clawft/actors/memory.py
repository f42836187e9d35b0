"""The one who remembers."""

from clawft.actors.clock import Clock, utc_now
from clawft.domain.memory import MemoryEntry
from clawft.domain.values import Success
from clawft.messages.memory import CreateMemory, DeleteMemory, GetMemory, ListMemory, SearchMemory
from clawft.runtime import Actor, Reply, on
from clawft.store.memory import MemoryStore


class Memory(Actor):
    """What was to be remembered, by key. It all lies in the store; a write is answered after its commit."""

    def __init__(self, *, store: MemoryStore, now: Clock = utc_now) -> None:
        super().__init__()
        self._store = store
        self._now = now

    @on(ListMemory)
    def all(self, ask: ListMemory) -> Reply[tuple[MemoryEntry, ...]]:
        return self._store.list(ask.namespace)

    @on(GetMemory)
    def get(self, ask: GetMemory) -> Reply[MemoryEntry]:
        return self._store.get(ask.key)

    @on(SearchMemory)
    def search(self, ask: SearchMemory) -> Reply[tuple[MemoryEntry, ...]]:
        return self._store.search(ask.q, threshold=ask.threshold, limit=ask.limit, namespace=ask.namespace)

    @on(CreateMemory)
    def create(self, ask: CreateMemory) -> Reply[MemoryEntry]:
        tags = tuple(dict.fromkeys(ask.tags))
        return self._store.put(MemoryEntry(ask.key, ask.value, ask.namespace, tags, self._now()))

    @on(DeleteMemory)
    def delete(self, ask: DeleteMemory) -> Reply[Success]:
        return self._store.forget(ask.key)
