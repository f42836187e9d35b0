"""What can go wrong, in words for the person who asked."""

from typing import ClassVar


class ClawftError(Exception):
    """A refusal or failure we can explain. ``code`` is for programs, the message is for people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    """The HTTP status that says the same."""


class NotFound(ClawftError):
    """What was named does not exist."""

    code = "not_found"
    status = 404


class Invalid(ClawftError):
    """The request itself is wrong. ``path`` names the field, like ``$.schedule``."""

    code = "invalid"
    status = 400

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{message} - at `{path}`" if path else message)
        self.path = path


class Conflict(ClawftError):
    """The request is fine, but not in the present state."""

    code = "conflict"
    status = 409


class Unauthorized(ClawftError):
    """Nobody we know."""

    code = "unauthorized"
    status = 401


class Forbidden(ClawftError):
    """Somebody we know, who may not do this."""

    code = "forbidden"
    status = 403


class TooLarge(ClawftError):
    """More than we take."""

    code = "too_large"
    status = 413


class UnsupportedMedia(ClawftError):
    """A body that is not JSON."""

    code = "unsupported_media_type"
    status = 415


class Busy(ClawftError):
    """Too much at once; ask again after ``retry_after`` seconds."""

    code = "busy"
    status = 429

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Busy):
    """We cannot do this now; ask again after ``retry_after`` seconds."""

    code = "unavailable"
    status = 503


class StorageFull(ClawftError):
    """There is no room left to keep what was said, so it was not accepted."""

    code = "storage_full"
    status = 507


class Cancelled(ClawftError):
    """The work was stopped before it was done."""

    code = "cancelled"
    status = 409


class ModelFailed(ClawftError):
    """The model that was to answer is not there, or it gave no answer. ``reason`` is a word for programs."""

    code = "model_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        reason: str = "model_error",
        may_help: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """``may_help``: the same call may succeed a little later. ``retry_after``: seconds, as it asked."""
        super().__init__(message)
        self.reason = reason
        self.may_help = may_help
        self.retry_after = retry_after


class UsageError(ClawftError):
    """The host was started in a way it refuses. The process exits with 78 (EX_CONFIG)."""

    code = "configuration"
    status = 500
