"""The lock that keeps two writers of one file apart."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# What a file system answers that has no locks at all (some network mounts).
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}
_WINDOWS = sys.platform == "win32"
# What Windows answers where another process holds the lock: of all else, waiting would never end. The package filelock
# has the same few lines for Windows; a dependency of that system alone would be tried nowhere else.
_HELD = {errno.EACCES, errno.EDEADLK}
_PAUSE_SECONDS = 0.05
_OPENINGS = 10


@contextmanager
def locked(target: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of `target`; if another thread or process has it, wait for it, or else raise BlockingIOError.

    The lock is the operating system's, on the file `<target>.lock`: it ends with its holder, so none goes stale, and
    the file is removed with it. On a file system without locks nothing is held. Raises OSError where the lock file
    cannot be made (no such folder, not writable) or locked.
    """
    path = target.with_name(target.name + ".lock")
    handle = _open_locked(path, wait)
    try:
        yield
    finally:
        if _WINDOWS:  # an open file cannot be removed there
            os.close(handle)
            _unlink(path)
        else:  # removed while still held, so that whoever waits sees that its file is gone
            _unlink(path)
            os.close(handle)


def _open_locked(path: Path, wait: bool) -> int:
    acquire = _acquire_on_windows if _WINDOWS else _acquire
    while True:
        handle = _open(path)
        try:
            acquire(handle, wait)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the holder before us removed the file that we waited on


def _open(path: Path) -> int:
    for tries in range(_OPENINGS, 0, -1):
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:  # Windows has it of a file that is being removed, too
            if not _WINDOWS or tries == 1:
                raise
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError


def _acquire(handle: int, wait: bool) -> None:
    fcntl: Any = importlib.import_module("fcntl")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise


def _acquire_on_windows(handle: int, wait: bool) -> None:
    msvcrt: Any = importlib.import_module("msvcrt")
    while True:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            return
        except OSError as exc:
            if exc.errno not in _HELD:
                raise
            if not wait:
                raise BlockingIOError(exc.errno, "is held by another process") from exc
        time.sleep(_PAUSE_SECONDS)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
