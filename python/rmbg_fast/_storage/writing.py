"""How a result file gets to its place whole, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError


def write(target: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `target` whole or not at all; an older file stays untouched until the new one is complete.

    The bytes go to a temporary file in the same folder, to the disk, and are then renamed. New files get the mode that
    the umask gives, existing ones keep theirs; a link is written through. Raises OutputError.
    """
    path = Path(target)
    try:
        mode = _mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            path.write_bytes(data)  # a device or a pipe, which a rename would replace by a file
        else:
            replace(Path(os.path.realpath(path)) if path.is_symlink() else path, data)
    except FileNotFoundError as exc:
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}") from exc
    except (OSError, ValueError) as exc:
        raise OutputError(f"{path}: cannot be written: {getattr(exc, 'strerror', None) or exc}") from exc


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it where they are missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"{folder}: the folder cannot be made: {exc.strerror or exc}") from exc


def replace(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` whole or not at all, on the disk before it has its name. Raises OSError."""
    with replaced(path) as file:
        file.write(data)


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """What is written to the stream becomes the file `path` at the end, and nothing does where that is not reached.

    It is on the disk before it has its name. Raises OSError.
    """
    mode = _mode(path)
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError("it is write-protected")
    temporary = path.with_name(f".rmbg-fast-{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                with suppress(OSError):
                    temporary.chmod(stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _mode(path: Path) -> int | None:
    """None where there is no such file."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
