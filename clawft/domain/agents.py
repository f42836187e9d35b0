"""Agents: who answers in a session, and with what."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.config import AgentDefaults
from clawft.domain.values import UNSET, Name, UnsetType, Value
from clawft.errors import Invalid

AgentStatus = Literal["running", "stopped", "error"]
Source = Literal["file", "code", "built-in"]
Wanted = Literal["running", "stopped"]
"""What the operator last asked for; survives a restart."""

DEFAULT_AGENT = "general-agent"
"""The agent every fresh host has."""


class AgentSpec(Value, frozen=True, forbid_unknown_fields=True):
    """How an agent is defined, in a file of ``<data>/agents`` or in code."""

    name: Name
    id: Annotated[str, Meta(max_length=128, pattern=r"^([A-Za-z0-9][A-Za-z0-9._:-]*)?$")] = ""
    """Empty: the name is the id."""
    description: str = ""
    model: str = ""
    """Empty: the model of ``agents.defaults`` in the config."""
    system_prompt: str = ""
    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    """The tools it may use; None: every tool of the host."""
    config: dict[str, Any] = {}
    source: Source = "code"
    """Set by the host, whatever a definition says."""

    @property
    def key(self) -> str:
        return self.id or self.name


class AgentSummary(Value, frozen=True):
    """What a list of agents shows."""

    id: str
    name: str
    status: AgentStatus
    model: str
    created_at: datetime


class AgentDetail(AgentSummary, frozen=True):
    """One agent, whole."""

    config: dict[str, Any]
    session_count: int
    description: str
    skills: tuple[str, ...]
    tools: tuple[str, ...] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    """Why the status is ``error``."""
    warnings: tuple[str, ...] | UnsetType = UNSET
    """What the definition names and the host has not."""


class AgentRecord(Value, frozen=True):
    """What is kept of an agent in the store. ``spec`` is None where a file defines it."""

    id: str
    source: Source
    wanted: Wanted
    created_at: datetime
    spec: AgentSpec | None = None


class AgentFile(Value, frozen=True):
    """What a file in ``<data>/agents`` says: a definition, or why it is none. ``name`` is the file's."""

    name: str
    spec: AgentSpec | None = None
    error: str = ""

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]


class Definition(Value, frozen=True):
    """What a file makes of an agent: its last good ``spec``, and what is wrong with the file now."""

    id: str
    file: str
    spec: AgentSpec | None
    error: str = ""


def spec_from(members: object, name: str) -> AgentSpec:
    """The definition in a file's members. Raises ``Invalid`` naming the member that is wrong.

    ``name`` is used where the file gives none.
    """
    if not isinstance(members, dict) or not all(isinstance(member, str) for member in members):
        raise Invalid("an agent is defined by members like `description = ...`")
    if "source" in members:
        raise Invalid("Object contains unknown field `source`")
    try:
        spec = msgspec.convert({"name": name, **members}, AgentSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise Invalid(str(error)) from None
    return replace(spec, source="file")


def checked(spec: AgentSpec) -> AgentSpec:
    """The definition as code's own. Raises ``Invalid`` where it holds what its types do not allow."""
    try:
        return replace(msgspec.convert(msgspec.to_builtins(spec), AgentSpec), source="code")
    except (msgspec.ValidationError, TypeError) as error:
        raise Invalid(str(error)) from None


def settle(
    files: Iterable[AgentFile], before: Mapping[str, Definition], taken: Iterable[str]
) -> dict[str, Definition]:
    """Which agents the files define, by id.

    ``before`` is what they defined last; the ``taken`` ids belong to agents from code. A file that broke
    keeps the definition it gave last. Of two files for one id the first by name wins; the other is listed
    under its own file name, as is one for an id that was given in code, so that neither is overlooked.
    """
    last = {definition.file: definition for definition in before.values()}
    ids = set(taken)
    found: dict[str, Definition] = {}
    for file in sorted(files, key=lambda file: (file.spec is None, file.name)):
        definition = _define(file, last.get(file.name), ids)
        ids.add(definition.id)
        found[definition.id] = definition
    return found


def _define(file: AgentFile, last: Definition | None, ids: set[str]) -> Definition:
    if file.spec is None:
        if last is not None and last.id not in ids:
            return replace(last, error=file.error)
        return Definition(id=_free_id(file, ids), file=file.name, spec=None, error=file.error)
    if file.spec.key in ids:
        error = f"{file.name} defines {file.spec.key}, which is already defined elsewhere"
        return Definition(id=_free_id(file, ids), file=file.name, spec=None, error=error)
    return Definition(id=file.spec.key, file=file.name, spec=file.spec)


def _free_id(file: AgentFile, ids: set[str]) -> str:
    return file.name if file.stem in ids else file.stem


def briefed(spec: AgentSpec, defaults: AgentDefaults) -> AgentSpec:
    """The definition with the config's defaults where it says nothing itself."""
    config = {"max_tokens": defaults.max_tokens, "temperature": defaults.temperature, **spec.config}
    return replace(spec, model=spec.model or defaults.model, config=config)


def unknown(kind: str, named: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each skill or tool that is named and that the host has not."""
    missing = sorted(set(named) - set(known))
    return tuple(f"no {kind} has the name {name}" for name in missing)
