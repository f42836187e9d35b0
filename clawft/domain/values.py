"""What all the nouns are made of: frozen values that leave absent members out of JSON."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["MAX_CONTENT", "UNSET", "Fraction", "Moment", "Name", "Ok", "Success", "UnsetType", "Value"]

MAX_CONTENT = 256 * 1024
"""Characters one string of a request may hold."""

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone: without one nobody could say when it was."""

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
"""What may name an agent, a job's agent, a skill: safe in a path segment and in a topic."""


class Value(msgspec.Struct, frozen=True):
    """A noun. Optional members are ``UNSET`` and then left out of JSON, never null."""


class Ok(Value, frozen=True):
    """The answer where the reference says ``{"ok": true}``."""

    ok: bool = True


class Success(Value, frozen=True):
    """The answer where the reference says ``{"success": true}``."""

    success: bool = True
