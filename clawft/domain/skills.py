"""Skills: instructions an agent may read when it needs them."""

from clawft.domain.values import Value


class SkillData(Value, frozen=True):
    """An installed skill."""

    name: str
    version: str
    description: str
    author: str
    tags: tuple[str, ...]
    installed: bool
    enabled: bool


class RegistrySkill(Value, frozen=True):
    """A skill that can be installed. ``signed``: its signature and digest were verified."""

    id: str
    name: str
    description: str
    version: str
    author: str
    stars: int
    tags: tuple[str, ...]
    signed: bool
