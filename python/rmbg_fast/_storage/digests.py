"""The sha256 of large files, remembered in the cache folder while their size and time of change stay the same.

A note is `digests/<name>.json` of the cache folder, or of the temporary one; its name comes from the file's path, so
that it can be found, and its content says which file it is about. Where it cannot be written, the process remembers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import folders, writing

FOLDER = "digests"
_SECOND = 10**9
_known: dict[str, dict[str, Any]] = {}


def sha256(file: Path, *, fresh: bool = False) -> str:
    """The file's sha256 in hexadecimal; with `fresh` it is read for it in any case. Raises OSError."""
    import json

    found = "" if fresh else remembered(file)
    if found:
        return found
    path = os.path.realpath(file)
    status = os.stat(path)
    digest = of(file)
    _known[path] = {"path": path, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}
    for note in _notes(path, make=True):
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            writing.replace(note, json.dumps(_known[path]).encode("ascii"))
            break
    return digest


def remembered(file: Path) -> str:
    """The file's sha256 in hexadecimal, without a look into it; "" where it is not known. Raises OSError."""
    path = os.path.realpath(file)
    status = os.stat(path)
    noted = _noted(path)
    return str(noted["sha256"]) if noted is not None and _fits(noted, status) else ""


def of(file: Path, algorithm: str = "sha256") -> str:
    """The file's digest in hexadecimal, read now. Raises OSError."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def same_time(found: int, noted: int) -> bool:
    """Are they the same time in nanoseconds? Archives (tar, zip) and images keep whole seconds, or every second one."""
    return found == noted or (found % _SECOND == 0 and abs(found - noted) <= 2 * _SECOND)


def in_note(note: Path) -> tuple[str, str]:
    """The path and the sha256 that a note holds; "" in place of what it does not, or no longer, tell."""
    known = _read(note)
    if known is None:
        return "", ""
    try:
        return known["path"], known["sha256"] if _fits(known, os.stat(known["path"])) else ""
    except OSError:
        return known["path"], ""


def _fits(noted: dict[str, Any], status: os.stat_result) -> bool:
    return noted["size"] == status.st_size and same_time(status.st_mtime_ns, noted["mtime_ns"])


def _notes(path: str, *, make: bool = False) -> Iterator[Path]:
    name = f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}.json"
    return (folder / name for folder in folders.places(FOLDER, make=make))


def _noted(path: str) -> dict[str, Any] | None:
    for note in _notes(path):
        noted = _read(note)
        if noted is not None and noted["path"] == path:
            return noted
    return _known.get(path)


def _read(note: Path) -> dict[str, Any] | None:
    import json

    with suppress(OSError, ValueError):
        known = json.loads(note.read_text(encoding="ascii"))
        kinds = {"path": str, "size": int, "mtime_ns": int, "sha256": str}
        if isinstance(known, dict) and all(isinstance(known.get(key), kind) for key, kind in kinds.items()):
            return known
    return None
