"""Exit codes: what a script may tell from how a command ended. The numbers are those of sysexits.h."""

from clawft.errors import ClawftError, Forbidden, Unauthorized, UsageError

OK = 0
FAILED = 1
WRONG_USAGE = 2
UNREACHABLE = 69
REFUSED = 77
CONFIGURATION = 78
INTERRUPTED = 130


def exit_code(error: ClawftError) -> int:
    """The exit code that says the same as the error."""
    if error.code == "unreachable":  # by its code: the class brings the whole client with it
        return UNREACHABLE
    if isinstance(error, Unauthorized | Forbidden):
        return REFUSED
    return CONFIGURATION if isinstance(error, UsageError) else FAILED
