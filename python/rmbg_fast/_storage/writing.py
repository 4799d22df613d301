"""How a result file gets to its place whole, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError


def write(
    target: str | os.PathLike[str], data: bytes, *, makes_folder: bool = False, to_the_disk: bool = False
) -> None:
    """Write `data` to `target` whole or not at all; an older file stays untouched until the new one is complete.

    The bytes go to a temporary file in the same folder, which is then renamed. New files get the mode that the umask
    gives, existing ones keep theirs; a link is written through. `makes_folder` says that the folder is made where it is
    missing. Raises OutputError.

    That holds however this program ends. Should the machine lose its power, only with `to_the_disk`: the file's bytes
    then are there before its name. To wait for the disk takes as long as to make a small cut-out, so it is for what
    cannot be made again in a moment; a folder's results are checked when a run is resumed.
    """
    path = os.fspath(target)
    try:
        try:
            _write(path, data, to_the_disk)
        except (FileNotFoundError, NotADirectoryError):
            if not makes_folder:
                raise
            make_folder(Path(path).parent)
            _write(path, data, to_the_disk)
    except OutputError:
        raise
    except FileNotFoundError as exc:
        raise OutputError(f"{path}: cannot be written: there is no folder {Path(path).parent}") from exc
    except (OSError, ValueError) as exc:
        raise OutputError(f"{path}: cannot be written: {getattr(exc, 'strerror', None) or exc}") from exc


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it where they are missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"{folder}: the folder cannot be made: {exc.strerror or exc}") from exc


def _write(path: str, data: bytes, to_the_disk: bool) -> None:
    mode = _mode(path)
    if mode is None or stat.S_ISREG(mode):
        with replaced(os.path.realpath(path) if os.path.islink(path) else path, to_the_disk=to_the_disk) as file:
            file.write(data)
        return
    with open(path, "wb") as file:  # a device or a pipe, which a rename would replace by a file
        file.write(data)


def replace(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Write `data` to `path` whole or not at all, on the disk before it has its name. Raises OSError."""
    with replaced(path) as file:
        file.write(data)


@contextmanager
def replaced(path: str | os.PathLike[str], *, to_the_disk: bool = True) -> Iterator[BinaryIO]:
    """What is written to the stream becomes the file `path` at the end, and nothing does where that is not reached.

    It is on the disk before it has its name, where that is asked for. Raises OSError.
    """
    mode = _mode(path)
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError("it is write-protected")
    temporary = os.path.join(os.path.dirname(path), f".rmbg-fast-{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                with suppress(OSError):
                    os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            if to_the_disk:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path: str | os.PathLike[str]) -> int | None:
    """None where there is no such file."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
