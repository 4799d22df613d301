"""The files of prepared models: written whole, and known again when they are.

A prepared model is `<key>.onnx`; its large weights lie in `<key>.weights`, which the runtime maps into memory, so that
processes share it. `<key>.json` is written last: without it, or where it does not describe what lies there, the model
is made anew. It is a JSON object: `source`, the sha256 of the model that was prepared; `version`, of what made it;
`convolutions`; and `files`, by name the size, the time of change, the sha256 and the checksum of samples of each.
"""

from __future__ import annotations

import json
import os
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._storage import digests, writing
from . import deferred

if TYPE_CHECKING:
    from onnx import ModelProto

_SAMPLES, _SAMPLE = 512, 1 << 12  # of a file: their checksum takes a millisecond or two, whatever its size


def write(target: Path, model: ModelProto, facts: Mapping[str, Any]) -> None:
    """Write a model, whose large weights are deferred, and what is to be known of it. Raises OSError."""
    weights = target.with_suffix(".weights")
    try:
        with writing.replaced(weights) as stream:
            deferred.move(model.graph, stream, weights.name)
            moved = stream.tell() > 0
        files = [target, weights] if moved else [target]
        if not moved:
            weights.unlink()
        writing.replace(target, model.SerializeToString())
        _note(target, {**facts, "files": {file.name: _state(file) for file in files}})
    except BaseException:
        for file in (_manifest(target), target, weights):
            with suppress(OSError):
                file.unlink()
        raise


def is_ready(ready: Path) -> bool:
    """Does all that belongs to a prepared model lie there as it was written? Says so where it was, and no longer is."""
    manifest = _read(ready)
    if manifest is None:
        return False
    changed = {}
    for name, state in manifest["files"].items():
        file = ready.with_name(name)
        try:
            known = _is_known(file, state)
            if not known and digests.of(file) != state["sha256"]:
                warnings.warn(f"{file}: is not what was written; it is made anew", RuntimeWarning, stacklevel=4)
                return False
            if not known:  # a copy
                changed[name] = {**state, "mtime_ns": file.stat().st_mtime_ns}
        except (OSError, KeyError, TypeError):
            return False
    if changed:
        with suppress(OSError):
            _note(ready, {**manifest, "files": {**manifest["files"], **changed}})
    return True


def discard(ready: Path) -> None:
    """Forget a prepared model, so that it is made anew. Processes that run it keep their files."""
    with suppress(OSError):
        _manifest(ready).unlink()


def details(ready: Path) -> dict[str, Any]:
    """What was done to a prepared model: `convolutions`, a dict of the names `replaced` (by ours) and `left`.

    Empty where another process has just discarded it.
    """
    manifest = _read(ready)
    return {} if manifest is None else {"convolutions": manifest["convolutions"]}


def origin(ready: Path) -> tuple[str, str]:
    """The sha256 of the model that was prepared, and the version of what made it; "" where that is not known."""
    manifest = _read(ready)
    return ("", "") if manifest is None else (manifest["source"], manifest["version"])


def _manifest(ready: Path) -> Path:
    return ready.with_suffix(".json")


def _read(ready: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads(_manifest(ready).read_text(encoding="utf-8"))
        known = manifest["convolutions"]
        for name in [*known["replaced"], *known["left"]]:
            name.encode()
        files = dict(manifest["files"])
        source, version = str(manifest["source"]), str(manifest.get("version", ""))
        return {"source": source, "version": version, "files": files, "convolutions": known} if files else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _note(ready: Path, manifest: Mapping[str, Any]) -> None:
    writing.replace(_manifest(ready), json.dumps(manifest).encode("utf-8"))


def _state(file: Path) -> dict[str, Any]:
    status = file.stat()
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": digests.of(file),
        "samples": _samples(file, status.st_size),
    }


def _is_known(file: Path, state: Mapping[str, Any]) -> bool:
    """Has the file the size, the time and the samples that are noted of it?"""
    status = file.stat()
    return (
        status.st_size == state["size"]
        and digests.same_time(status.st_mtime_ns, state["mtime_ns"])
        and _samples(file, status.st_size) == state["samples"]
    )


def _samples(file: Path, size: int) -> int:
    """A checksum of pages evenly spread over the file, its first and last among them; of a small file, of all of it."""
    pages = -(-size // _SAMPLE)
    chosen = range(pages) if pages <= _SAMPLES else [i * (pages - 1) // (_SAMPLES - 1) for i in range(_SAMPLES)]
    checksum = 0
    with open(file, "rb", buffering=0) as stream:
        for page in chosen:
            os.lseek(stream.fileno(), page * _SAMPLE, os.SEEK_SET)
            checksum = zlib.crc32(stream.read(_SAMPLE), checksum)
    return checksum
