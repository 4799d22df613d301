"""Where files that can be made again live, and whether more of them may be fetched."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import ModelError


def home() -> Path:
    """The folder of everything that rmbg_fast stores: `RMBG_FAST_HOME`, or `rmbg-fast` in the user's cache folder.

    The folder need not exist yet. Raises ModelError where the system names no home folder for this user.
    """
    chosen = os.environ.get("RMBG_FAST_HOME")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        return _user_cache() / "rmbg-fast"
    except RuntimeError as exc:
        raise ModelError("this user has no home folder to cache models in; set RMBG_FAST_HOME to a folder") from exc


def _user_cache() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path.home() / ".cache"


def native(path: Path) -> str | bytes:
    """The path as the core takes it: on POSIX the bytes of the file's name, which need not be text."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


def temporary(*, make: bool) -> Path:
    """A folder of this user's own among the system's temporary files, for what has no other place.

    Raises OSError: it cannot be made, is another user's, or, without `make`, is not there.
    """
    import tempfile

    if sys.platform == "win32":  # where temporary files are the user's own
        return Path(tempfile.gettempdir()) / "rmbg-fast"
    folder = Path(tempfile.gettempdir()) / f"rmbg-fast-{os.getuid()}"
    if make:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "is another user's", str(folder))
    return folder


def places(name: str, *, make: bool = False) -> Iterator[Path]:
    """The folders called `name` in the cache folder and in the temporary one, where there are such.

    With `make` the temporary one is made, once it is asked for; the folders themselves need not exist yet.
    """
    with suppress(ModelError):  # a user without a home folder
        yield home() / name
    with suppress(OSError):
        yield temporary(make=make) / name


def offline() -> bool:
    """Whether `RMBG_FAST_OFFLINE` forbids downloads: set to anything but "", "0", "false", "no" or "off"."""
    return os.environ.get("RMBG_FAST_OFFLINE", "").strip().lower() not in {"", "0", "false", "no", "off"}
