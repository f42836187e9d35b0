"""What is kept of the agents: in the store first, and then in memory."""

from collections.abc import Set

from msgspec.structs import replace

from clawft.actors.clock import Clock
from clawft.domain.agents import AgentRecord, AgentSpec, Wanted
from clawft.store.agents import AgentStore


class AgentRecords:
    """One record an agent. Each method raises what the store raises, and then nothing has changed."""

    def __init__(self, store: AgentStore, now: Clock) -> None:
        self._store = store
        self._now = now
        self._kept: dict[str, AgentRecord] = {}

    async def load(self) -> tuple[AgentRecord, ...]:
        """The agents that came from code; a file's are there when their file is."""
        self._kept = {record.id: record for record in await self._store.all()}
        return tuple(record for record in self._kept.values() if record.spec is not None)

    async def of_file(self, id: str) -> AgentRecord:
        """The record of a file's agent, made when it is seen for the first time."""
        kept = self._kept.get(id)
        if kept is not None and kept.spec is None:
            return kept
        return await self._keep(AgentRecord(id, "file", "running", self._now()))

    async def of_code(self, spec: AgentSpec) -> AgentRecord:
        """The record of an agent that code defines so, and that is to run. An older one's age is its age."""
        kept = self._kept.get(spec.key)
        created_at = kept.created_at if kept else self._now()
        return await self._keep(AgentRecord(spec.key, "code", "running", created_at, spec))

    async def want(self, record: AgentRecord, wanted: Wanted) -> AgentRecord:
        await self._store.want(record.id, wanted)
        self._kept[record.id] = replace(record, wanted=wanted)
        return self._kept[record.id]

    async def forget(self, id: str) -> None:
        await self._store.forget(id)
        self._kept.pop(id, None)

    async def forget_all_but(self, ids: Set[str]) -> None:
        for id in self._kept.keys() - ids:
            await self.forget(id)

    async def _keep(self, record: AgentRecord) -> AgentRecord:
        await self._store.keep(record)
        self._kept[record.id] = record
        return record
