"""The lock that keeps two writers of one file apart."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a file system answers that has no locks at all (some network mounts).
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of `target`, waiting for it if another thread or process has it.

    The lock is the operating system's, on the file `<target>.lock`: it ends with its holder, so none goes stale, and
    the file is removed with it. On a file system without locks nothing is held. Raises OSError where the lock file
    cannot be made (no such folder, not writable).
    """
    path = target.with_name(target.name + ".lock")
    handle = _open_locked(path)
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            os.close(handle)
            _unlink(path)
        else:  # removed while still held, so that whoever waits sees that its file is gone
            _unlink(path)
            os.close(handle)


def _open_locked(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _acquire(handle)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the holder before us removed the file that we waited on


def _acquire(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                time.sleep(0.1)
    else:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
