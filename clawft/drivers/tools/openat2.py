"""Opening a path that stays beneath a folder: by Linux's openat2, elsewhere one component at a time.

Both ways refuse every symbolic link, so that they agree on what may be opened.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

Opener = Callable[[int, str, int, int], int]
"""``(folder, path, flags, mode)`` to a file descriptor; raises OSError."""

_SYS_OPENAT2 = 437  # the same on every architecture but alpha
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_ATTEMPTS = 8
"""The kernel answers EAGAIN when something was renamed while it looked."""


class _OpenHow(ctypes.Structure):
    """struct open_how of linux/openat2.h."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


@cache
def _syscall() -> Callable[..., int]:
    call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).syscall
    return call


def _openat2_once(folder: int, path: str, flags: int, mode: int) -> int:
    how = _OpenHow(flags | os.O_CLOEXEC, mode, _BENEATH | _NO_MAGICLINKS | _NO_SYMLINKS)
    name = ctypes.c_char_p(os.fsencode(path))
    size = ctypes.c_size_t(ctypes.sizeof(how))
    opened = _syscall()(ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(folder), name, ctypes.byref(how), size)
    if opened < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return opened


def by_openat2(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """One system call: no moment between looking and opening in which a link could be put in the way."""
    for attempt in range(_ATTEMPTS):
        try:
            return _openat2_once(folder, path, flags, mode)
        except BlockingIOError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def by_walking(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """Component by component, each opened from the one before and never through a link."""
    *folders, last = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    if ".." in (*folders, last) or path.startswith("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    here = os.dup(folder)
    try:
        for part in folders:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        return os.open(last, flags | os.O_NOFOLLOW, mode, dir_fd=here)
    finally:
        os.close(here)


@cache
def opener() -> Opener:
    """The best way there is here. Old kernels and some containers have no openat2."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.close(by_openat2(folder, ".", os.O_RDONLY | os.O_DIRECTORY))
    except (OSError, AttributeError):
        return by_walking
    finally:
        os.close(folder)
    return by_openat2
