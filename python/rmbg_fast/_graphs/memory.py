"""A lack of memory, which libraries report in ways of their own, or not at all."""

from __future__ import annotations

import errno
import mmap

_WORDS = ("bad_alloc", "bad allocation", "out of memory", "cannot allocate memory")


def is_lacking(exc: BaseException) -> bool:
    """Does the error tell that there was too little memory?"""
    if isinstance(exc, MemoryError):
        return True
    if isinstance(exc, OSError):
        return exc.errno == errno.ENOMEM
    # protobuf, of a message that was whole before; a C extension that was given nothing, and did not say so
    if type(exc).__name__ == "EncodeError" or isinstance(exc, SystemError):
        return True
    return any(word in str(exc).lower() for word in _WORDS)


def need(count: int) -> None:
    """Raise MemoryError unless so many bytes can be had now.

    Better here than in a library that does not look at what the allocator gives it, and crashes.
    """
    try:
        mmap.mmap(-1, max(count, 1)).close()
    except (OSError, OverflowError) as exc:
        raise MemoryError from exc
