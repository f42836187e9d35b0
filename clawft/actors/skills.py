"""The one who keeps the skills."""

import hashlib
from pathlib import Path

from clawft.actors.clock import Clock, utc_now
from clawft.actors.whole import whole
from clawft.domain.skills import InstalledRecord, RegistryEntry, RegistrySkill, SkillData, SkillManifest
from clawft.domain.values import Success
from clawft.drivers.skills.folder import InstalledSkill, SkillFolder
from clawft.drivers.skills.registry import Registry
from clawft.messages.config import ConfigChanged, WatchConfig
from clawft.messages.skills import InstallSkill, ListSkills, RemoveSkill, SearchRegistry, SkillText
from clawft.runtime import Actor, on
from clawft.store.skills import SkillStore


class Skills(Actor):
    """Skills live in ``<data>/skills``; an operator may put some there by hand. Installing one runs nothing.

    The registry's address is ``skills.registry`` of the config, and may change while the host runs.
    """

    def __init__(self, *, store: SkillStore, folder: Path, keys: Path, now: Clock = utc_now) -> None:
        """``folder``: of the installed skills; ``keys``: of the registry keys that the operator trusts."""
        super().__init__()
        self._store = store
        self._folder = SkillFolder(folder)
        self._keys = keys
        self._now = now
        self._address = ""

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        await self.blocking(self._folder.recover)
        self._address = (await self.ask("config", WatchConfig(self.path))).skills.registry

    @on(ConfigChanged)
    def config_changed(self, note: ConfigChanged) -> None:
        self._address = note.config.skills.registry

    @on(ListSkills)
    async def all(self, _: ListSkills) -> tuple[SkillData, ...]:
        known = await self._store.all()
        return tuple(
            _shown(skill, known.get(skill.name)) for skill in await self.blocking(self._folder.installed)
        )

    @on(SkillText)
    async def text(self, ask: SkillText) -> str:
        return (await self.blocking(self._folder.skill, ask.name)).instructions

    @on(SearchRegistry)
    async def search(self, ask: SearchRegistry) -> tuple[RegistrySkill, ...]:
        index = await self.blocking(lambda: self._registry().index())
        return tuple(entry.as_found(signed=True) for entry in index.search(ask.q))

    @on(InstallSkill)
    async def install(self, ask: InstallSkill) -> Success:
        return await whole(self._install(ask.id))

    @on(RemoveSkill)
    async def remove(self, ask: RemoveSkill) -> Success:
        return await whole(self._remove(ask.name))

    async def _install(self, id: str) -> Success:
        entry, archive = await self.blocking(self._fetch, id)
        manifest = await self.blocking(self._folder.install, entry.name, archive)
        digest = hashlib.sha256(archive).hexdigest()
        await self._store.keep(InstalledRecord(manifest.name, manifest.version, digest), self._now())
        return Success()

    async def _remove(self, name: str) -> Success:
        await self.blocking(self._folder.remove, name)
        await self._store.forget(name)
        return Success()

    def _fetch(self, id: str) -> tuple[RegistryEntry, bytes]:
        registry = self._registry()
        entry = registry.entry(id)
        return entry, registry.archive(entry)

    def _registry(self) -> Registry:
        return Registry.at(self._address, self._keys)


def _shown(skill: InstalledSkill, record: InstalledRecord | None) -> SkillData:
    """A skill that cannot be read is listed too, disabled, with the reason as its description."""
    manifest = skill.manifest or SkillManifest(skill.name, f"cannot be used: {skill.error}", version="")
    return SkillData(
        name=skill.name,
        version=manifest.version,
        description=manifest.description,
        author=manifest.author,
        tags=manifest.tags,
        installed=True,
        enabled=skill.manifest is not None and (record is None or record.enabled),
    )
