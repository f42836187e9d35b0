"""What can be asked of the audit log."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.audit import AuditPage, AuditReport
from clawft.runtime import Ask, Tell


class Record(Tell, frozen=True):
    """Something was done that matters later on."""

    actor: str
    peer: str
    action: str
    detail: str = ""


class ListAudit(Ask[AuditPage], frozen=True):
    """A page of the log, newest first."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0


class VerifyAudit(Ask[AuditReport], frozen=True):
    """Follow the chain from the first entry to the last."""
