"""What lies in the cache folder: what each thing is, which model needs it, and how it is removed.

Only what rmbg-fast has written is ever removed: it is known by its name and the folder that it lies in, and beside a
model of the user's own by its content too. Anything else is listed as `other`, or not at all.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import models
from ._graphs import prepare, prepared
from ._runtime import gpu
from ._storage import digests, folders, locks
from .errors import ModelError

Kind = Literal["model", "prepared", "engines", "digest", "part", "older", "other"]

_KEY = re.compile(r"([0-9a-f]{12}|[0-9a-f]{24})\.(?:onnx|weights|json|onnx\.lock)")
_NOTE = re.compile(r"[0-9a-f]{24}\.json")
_UNFINISHED = re.compile(r"(.+\.onnx)\.(?:part|package|lock)")
_TEMPORARY = re.compile(r"\.rmbg-fast-[0-9a-f]{12}\.tmp")
_OLDER = re.compile(r"(.+\.[0-9a-f]{12}\.prepared)\.(?:onnx|weights|json)|.+\.onnx\.stamp")
_STAMP, _STAMP_KEYS = re.compile(r".+\.stamp"), {"size", "mtime_ns", "sha256"}
_WRITING_SECONDS = 3600.0
"""A temporary file that is younger may be somebody's who is writing it."""


@dataclass(frozen=True)
class Entry:
    """Files that belong together. `model`: the name of the model that they are or belong to, or the path of one's own;
    "": none, or not known. `needed`: the next run would have to make or fetch them again. `work`: what is locked while
    somebody is at work on them."""

    kind: Kind
    files: tuple[Path, ...]
    model: str = ""
    needed: bool = False
    work: Path | None = None

    @property
    def bytes(self) -> int:
        """All that the files hold."""
        return sum(map(_bytes, self.files))

    def remove(self) -> None:
        """Raises OSError; BlockingIOError where somebody is at work on them."""
        import shutil

        with locks.locked(self.work, wait=False) if self.work else nullcontext():
            for file in self.files:
                if file.suffix == ".lock":
                    pass  # goes with the lock
                elif file.is_dir() and not file.is_symlink():
                    shutil.rmtree(file)
                else:
                    file.unlink(missing_ok=True)


def entries(own: Iterable[Path] = ()) -> list[Entry]:
    """All that rmbg-fast has stored, in the cache folder and beside models. `own`: further folders of the user's own
    models, where older versions may have left something. Raises ModelError where there is no home folder."""
    notes = [
        (note, *digests.in_note(note))
        for folder in folders.places(digests.FOLDER)
        for note in _files(folder)
        if _NOTE.fullmatch(note.name)
    ]
    here = _present({digest: path for _, path, digest in notes if digest})
    found = [*_models(), *_engines()]
    for folder in folders.places(prepare.FOLDER):
        found += _prepared(folder, here)
    for folder in folders.places(digests.FOLDER):
        found += _abandoned(folder)
    found += [Entry("digest", (note,), path, bool(digest)) for note, path, digest in notes]
    noted = {Path(path).parent for _, path, _ in notes if path}
    for folder in sorted({*noted, *(folder.absolute() for folder in own)} - {models.folder().resolve()}):
        found += _beside(folder)
    return found


def unneeded(found: Iterable[Entry], *, everything: bool = False) -> list[Entry]:
    """What no model that is here needs; with `everything` all, the models too, but for what is not ours."""
    return [entry for entry in found if entry.kind != "other" and (everything or not entry.needed)]


def _present(noted: dict[str, str]) -> dict[str, str]:
    """The models that are on this machine, by the sha256 of their files."""
    found = dict(noted)
    for name in models.names():
        with suppress(ModelError):
            file = models.file_of(models.get(name), models.path(name))
            if file is not None:
                found[file.digest.removeprefix("sha256:")] = name
    return found


def _models() -> Iterator[Entry]:
    names = {file.filename: name for name in models.names() for file in models.get(name).files}
    older: list[Path] = []
    for path in _files(models.folder()):
        unfinished = _UNFINISHED.fullmatch(path.name)
        if path.name in names:
            yield Entry("model", (path,), names[path.name], needed=True)
        elif unfinished:
            yield Entry("part", (path,), names.get(unfinished[1], ""), work=path.with_name(unfinished[1]))
        elif _OLDER.fullmatch(path.name):
            older.append(path)
        else:
            yield Entry("other", (path,))
    yield from _grouped(older)


def _prepared(folder: Path, here: dict[str, str]) -> Iterator[Entry]:
    by_key: dict[str, list[Path]] = {}
    older: list[Path] = []
    for path in _files(folder):
        key = _KEY.fullmatch(path.name)
        if key:
            by_key.setdefault(key[1], []).append(path)
        elif _OLDER.fullmatch(path.name):
            older.append(path)
        elif not _TEMPORARY.fullmatch(path.name):
            yield Entry("other", (path,))
    for name, files in by_key.items():
        ready = folder / f"{name}.onnx"
        digest, version = prepared.origin(ready)
        model = here.get(digest, "")
        # The manifest first: without it the others count for nothing.
        files.sort(key=lambda file: file.suffix != ".json")
        if version == prepare.VERSION or not digest:
            yield Entry("prepared", tuple(files), model, bool(model), work=ready)
        else:
            yield Entry("older", tuple(files), model, work=ready)
    yield from _grouped(older)
    yield from _abandoned(folder)


def _engines() -> Iterator[Entry]:
    files = tuple(path for path in sorted(gpu.engines().rglob("*")) if path.is_file())
    if files:
        yield Entry("engines", files, needed=True)  # of which graph cannot be told, and each took minutes


def _abandoned(folder: Path) -> Iterator[Entry]:
    """What writers that were killed have left."""
    for path in _files(folder):
        if _TEMPORARY.fullmatch(path.name):
            with suppress(OSError):
                yield Entry("part", (path,), needed=time.time() - path.stat().st_mtime < _WRITING_SECONDS)


def _beside(folder: Path) -> Iterator[Entry]:
    """What older versions left in a folder of the user's own, each known by its name and by what goes with it."""
    older = [path for path in _files(folder) if _OLDER.fullmatch(path.name)]
    yield from _grouped([path for path in older if _STAMP.fullmatch(path.name) and _holds(path, _STAMP_KEYS)])
    for entry in _grouped([path for path in older if not _STAMP.fullmatch(path.name)]):
        manifest = next((file for file in entry.files if file.suffix == ".json"), None)
        model = folder / f"{entry.files[0].name.split('.prepared.')[0].rpartition('.')[0]}.onnx"
        if model.is_file() if manifest is None else _holds(manifest, {"files", "convolutions"}):
            yield entry


def _holds(file: Path, keys: set[str]) -> bool:
    """Is it a JSON object of these keys?"""
    with suppress(OSError, ValueError, AttributeError):
        return bool(json.loads(file.read_text(encoding="utf-8")).keys() == keys)
    return False


def _grouped(older: list[Path]) -> Iterator[Entry]:
    groups: dict[str, list[Path]] = {}
    for path in older:
        known = _OLDER.fullmatch(path.name)
        groups.setdefault((known and known[1]) or path.name, []).append(path)
    for files in groups.values():
        yield Entry("older", tuple(files))


def _files(folder: Path) -> list[Path]:
    """All in the folder, by name; nothing where it is missing or cannot be read."""
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _bytes(path: Path) -> int:
    with suppress(OSError):
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return path.stat().st_size
    return 0
