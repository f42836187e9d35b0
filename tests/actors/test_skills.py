"""Skills: found, installed, read and removed; the folder and the registry may change meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.skills import Skills
from clawft.domain.config import ConfigData, SkillsConfig
from clawft.domain.skills import InstalledRecord, SkillData
from clawft.drivers.skills.registry import BUNDLED, BadRegistry
from clawft.errors import Conflict, NotFound
from clawft.messages.config import ConfigChanged, WatchConfig
from clawft.messages.skills import InstallSkill, ListSkills, RemoveSkill, SearchRegistry, SkillText
from clawft.runtime import System
from clawft.store import Store
from clawft.store.skills import SkillStore
from tests.actors.moments import StillClock
from tests.actors.recorder import Recorder


class Host:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.asked: list[Any] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, data)
        self.store = SkillStore(self.kept)
        self.system.spawn(Recorder, "config", self.asked, {WatchConfig: ConfigData()})
        self.system.spawn(
            Skills,
            "skills",
            store=self.store,
            folder=data / "skills",
            keys=data / "keys",
            now=StillClock(),
        )

    async def install(self, id: str) -> None:
        assert (await self.system.ask("skills", InstallSkill(id))).success

    async def installed(self) -> tuple[SkillData, ...]:
        return await self.system.ask("skills", ListSkills())

    def registry_at(self, address: str | Path) -> None:
        self.system.tell("skills", ConfigChanged(ConfigData(skills=SkillsConfig(str(address)))))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data")
    yield host
    assert await host.system.shutdown(5) == ()
    host.kept.close()


async def test_a_fresh_host_has_no_skills_and_a_registry_full_of_signed_ones(host: Host) -> None:
    assert await host.installed() == ()
    offered = await host.system.ask("skills", SearchRegistry())
    assert len(offered) >= 4
    assert all(skill.signed for skill in offered)
    (deploy,) = await host.system.ask("skills", SearchRegistry("deploy"))
    assert deploy.name == "deploy-checklist"


async def test_an_installed_skill_is_listed_read_and_removed(host: Host) -> None:
    await host.install("reg-code-review")
    (skill,) = await host.installed()
    assert (skill.name, skill.version, skill.author, skill.installed, skill.enabled) == (
        "code-review",
        "1.0.0",
        "clawft",
        True,
        True,
    )
    assert "review" in skill.tags
    assert "Read all of it" in await host.system.ask("skills", SkillText("code-review"))
    await host.system.ask("skills", RemoveSkill("code-review"))
    assert await host.installed() == ()
    assert await host.store.all() == {}
    with pytest.raises(NotFound):
        await host.system.ask("skills", SkillText("code-review"))


async def test_installing_twice_changes_nothing_and_the_name_will_do_for_the_id(host: Host) -> None:
    await host.install("reg-summarise")
    await host.install("summarise")
    assert [skill.name for skill in await host.installed()] == ["summarise"]


async def test_what_was_installed_is_known_by_its_digest(host: Host) -> None:
    await host.install("summarise")
    record = (await host.store.all())["summarise"]
    assert isinstance(record, InstalledRecord)
    assert len(record.digest) == 64


async def test_what_nobody_offers_or_has_is_not_found(host: Host) -> None:
    with pytest.raises(NotFound, match="reg-999"):
        await host.system.ask("skills", InstallSkill("reg-999"))
    with pytest.raises(NotFound, match="nothing"):
        await host.system.ask("skills", RemoveSkill("nothing"))


async def test_a_skill_put_there_by_hand_is_listed(host: Host) -> None:
    folder = host.data / "skills" / "mine"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: mine\ndescription: My own\n---\nDo it my way.\n")
    (skill,) = await host.installed()
    assert (skill.name, skill.description, skill.enabled) == ("mine", "My own", True)
    assert await host.system.ask("skills", SkillText("mine")) == "Do it my way."


async def test_a_skill_that_cannot_be_read_is_listed_with_the_reason(host: Host) -> None:
    folder = host.data / "skills" / "broken"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("no front matter")
    (skill,) = await host.installed()
    assert not skill.enabled
    assert "front matter" in skill.description


async def test_a_registry_with_a_wrong_signature_installs_nothing(host: Host, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    forged.mkdir()
    for file in BUNDLED.iterdir():
        (forged / file.name).write_bytes(file.read_bytes())
    index = forged / "index.json"
    index.write_bytes(index.read_bytes().replace(b'"stars": 0', b'"stars": 9'))
    host.registry_at(forged)
    with pytest.raises(BadRegistry, match="signature"):
        await host.system.ask("skills", InstallSkill("code-review"))
    with pytest.raises(BadRegistry, match="signature"):
        await host.system.ask("skills", SearchRegistry())
    assert await host.installed() == ()


async def test_a_change_of_the_registry_s_address_takes_effect_at_once(host: Host, tmp_path: Path) -> None:
    host.registry_at("https://skills.example/")
    with pytest.raises(Conflict, match="folder"):
        await host.system.ask("skills", SearchRegistry())
    host.registry_at("")
    assert await host.system.ask("skills", SearchRegistry())


async def test_what_a_crash_left_in_the_folder_is_put_right_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "data" / "skills" / ".new-0123").mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    host = Host(tmp_path / "data")
    assert await host.installed() == ()
    assert list((tmp_path / "data" / "skills").iterdir()) == []
    assert await host.system.shutdown(5) == ()
    host.kept.close()
