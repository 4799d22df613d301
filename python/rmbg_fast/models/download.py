"""Getting a model's file from one of its places, checked, then renamed into its place.

What an interrupted download leaves is `<file>.part`, which the next one continues, or `<file>.package`, which it
replaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._runtime import terminal
from .._storage import locks
from ..errors import ChecksumError, ModelDownloadError
from . import packages, urls
from .places import ModelFile, PlaceError, Progress, UrlPlace
from .spec import WAY_ON, ModelSpec


def fetch(spec: ModelSpec, folder: Path, progress: Progress | None = None, *, anew: bool = False) -> Path:
    """Download the first of `spec.files` that any of its places delivers into `folder`, and return its path.

    The file appears there whole and checked, or not at all; one that is there is taken, but with `anew` only if its
    digest is that of the row. Whoever asks for a file that another thread or process is
    fetching waits for it. What `progress` raises comes through as it is. Raises ModelDownloadError (the message names
    each place and why it failed, or says that the disk is full or not writable) or ChecksumError (the same, where a
    place sent another file than the row names).
    """
    failures: list[tuple[str, Exception]] = []
    try:
        for file in spec.files:
            target = folder / file.filename
            with _writing(target), _lock(target):
                if file.is_whole(target) and not (anew and _is_damaged(file, target)):
                    return target
                for place in file.places:
                    try:
                        with _shown(progress, file) as report:
                            if isinstance(place, UrlPlace):
                                urls.fetch(place, file, target, report)
                            else:
                                packages.fetch(place, file, target, report)
                        return target
                    except (PlaceError, ChecksumError) as exc:
                        failures.append((f"{file.filename} from {place}", exc))
    except _StoppedError as stop:
        raise stop.reason from None
    kind = ChecksumError if any(isinstance(exc, ChecksumError) for _, exc in failures) else ModelDownloadError
    tried = "".join(f"\n  {what}: {exc}" for what, exc in failures)
    hint = f"; to put one there by hand, see {spec.homepage}" if spec.homepage else ""
    raise kind(f"{spec.name} could not be downloaded into {folder}{hint}. Tried:{tried}\n{WAY_ON}") from failures[-1][1]


def _is_damaged(file: ModelFile, path: Path) -> bool:
    try:
        file.check(path)
    except ChecksumError:
        return True
    return False


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.locked(target):
        yield


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn a failure of the disk, which no other place would cure, into words."""
    try:
        yield
    except OSError as exc:
        raise ModelDownloadError(
            f"{exc.filename or target}: cannot be written: {exc.strerror or exc}; free space there or point "
            f"RMBG_FAST_HOME to another folder"
        ) from exc


class _StoppedError(BaseException):
    """Carries what the caller's `progress` raised past all that would take it for a failure of disk or server."""

    def __init__(self, reason: Exception) -> None:
        self.reason = reason


@contextmanager
def _shown(progress: Progress | None, file: ModelFile) -> Iterator[Progress]:
    """`progress`, or else a bar on a terminal if tqdm is installed, or else nothing."""
    if progress is not None:

        def report(done: int, total: int | None) -> None:
            try:
                progress(done, total)
            except Exception as exc:
                raise _StoppedError(exc) from exc

        yield report
        return
    bar = terminal.bar(total=file.bytes, desc=file.filename, unit="B", unit_scale=True, unit_divisor=1024)
    if bar is None:
        yield lambda done, total: None
        return
    with bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.n = done
            bar.refresh()

        yield show
