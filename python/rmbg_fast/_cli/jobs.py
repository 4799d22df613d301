"""The images of a run, and where each result goes."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ImageError, OptionError

STREAM = "-"
# What a folder run takes for images; a file that is named on its own may be called anything.
IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".pgm", ".png",
    ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One image of a run. None stands for standard input or output; `full` is the target's second-choice name."""

    source: Path | None
    target: Path | None
    full: Path | None = None
    makes_folder: bool = False

    @property
    def name(self) -> str:
        return "standard input" if self.source is None else str(self.source)


def collect(
    inputs: Sequence[str], output: str | None, *, tag: str, suffix: str, background: str | None = None
) -> tuple[list[Job], list[str]]:
    """Decide, before any work, where each result goes; gives the jobs and a line for each folder that cannot be read.

    `tag` ("cutout") names results without an `output`: `cat-cutout.png` beside `cat.jpg`, `photos-cutout/` beside
    `photos/`. Raises OptionError when two results would land on one file, or a result on a source or on the file of the
    background.
    """
    _check_names([*inputs, *([] if output is None else [output])])
    inputs = list(dict.fromkeys(inputs))
    if STREAM in (output, *inputs):
        job = _stream_job(inputs, output, suffix)
        _protect_sources([job], background)
        return [job], []
    folders = [Path(item) for item in inputs if Path(item).is_dir()]
    into = _folder(output, many=len(inputs) > 1 or bool(folders))
    outs = {os.path.realpath(into or _beside(folder, tag)) for folder in folders}
    jobs: list[Job] = []
    problems: list[str] = []
    for item in inputs:
        source = Path(item)
        if source in folders:
            base = into or _beside(source, tag)
            base = base / _name(source) if len(inputs) > 1 and into else base
            known = len(problems)
            found = walk(source, outs, problems)
            if not found and len(problems) == known:
                problems.append(f"{source}: no image files in this folder")
            jobs += [_named(image, base / image.relative_to(source).parent, "", suffix) for image in found]
        elif into is not None:
            jobs.append(_named(source, into, "", suffix))
        elif output is not None:
            jobs.append(Job(source, Path(output), Path(output)))
        else:
            jobs.append(replace(_named(source, source.parent, f"-{tag}", suffix), makes_folder=False))
    jobs = _separate(jobs)
    _protect_sources(jobs, background)
    return jobs, problems


def listed(
    inputs: Sequence[str], output: str | None, *, tag: str, suffix: str, background: str | None = None
) -> Iterator[Job | str]:
    """`collect`, bit by bit: jobs, and lines for what cannot be done. Of one folder, those of one folder inside it at a
    time, so that a hundred thousand files take no memory; two results on one file lie in one folder always."""
    if len(inputs) != 1 or STREAM in (output, *inputs) or not Path(inputs[0]).is_dir():
        jobs, problems = collect(inputs, output, tag=tag, suffix=suffix, background=background)
        yield from problems
        yield from jobs
        return
    _check_names([*inputs, *([] if output is None else [output])])
    source = Path(inputs[0])
    base = _folder(output, many=True) or _beside(source, tag)
    lines: list[str] = []
    found = False
    for images in _folders(source, {os.path.realpath(base)}, lines):
        yield from lines
        found = found or bool(images or lines)
        lines.clear()
        into = base / images[0].parent.relative_to(source) if images else base
        jobs = _separate([_named(image, into, "", suffix) for image in images])
        _protect_sources(jobs, background)
        protect_linked(jobs, os.path.realpath(source))
        yield from jobs
    yield from lines
    if not found and not lines:
        yield f"{source}: no image files in this folder"


def listed_by_name(
    names: Iterable[str], output: str | None, *, tag: str, suffix: str, background: str | None = None
) -> Iterator[Job | str]:
    """Jobs for file names as they come, one a line; a line for each whose result has no place of its own."""
    into = None if output is None else _folder(output, many=True)
    landed: set[str] = set()
    for line in names:
        name = line.rstrip("\r\n")
        if not name:
            continue
        source = Path(name)
        job = _named(source, into or source.parent, "" if into else f"-{tag}", suffix)
        if landing(job.target) in landed:
            job = replace(job, target=job.full)
        if into is not None and os.path.realpath(source.parent) == os.path.realpath(into):
            yield f"{source}: lies among the results: name another output folder"
            continue
        try:
            _protect_sources([job], background)
        except OptionError as exc:
            yield str(exc)
            continue
        if landing(job.target) in landed:
            yield f"{source}: its result {job.target} is that of another file already"
        else:
            landed.add(landing(job.target))
            yield job


def count(item: str) -> int:
    """How many images a file or a folder stands for, by their names."""
    if not os.path.isdir(item):
        return 1
    found = 0
    for _, folders, names in os.walk(item):
        folders[:] = [name for name in folders if name[0] != "."]
        found += sum(name[0] != "." and name.lower().endswith(IMAGE_SUFFIXES) for name in names)
    return found


def find(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The image files that `inputs` name: files as they are, of folders all below them in order.

    Raises ImageError for a folder that cannot be read or holds no images, OptionError for an empty name.
    """
    found: list[Path] = []
    inputs = list(inputs)
    _check_names(inputs)
    for path in map(Path, inputs):
        problems: list[str] = []
        inside = walk(path, (), problems) if path.is_dir() else [path]
        if problems or not inside:
            raise ImageError(problems[0] if problems else f"{path}: no image files in this folder")
        found += inside
    return found


def _check_names(names: Iterable[str | os.PathLike[str]]) -> None:
    if any(os.fspath(name) == "" for name in names):  # an unset shell variable: as a path, the current folder
        raise OptionError("a file name is empty")


def _stream_job(inputs: Sequence[str], output: str | None, suffix: str) -> Job:
    if len(inputs) != 1 or Path(inputs[0]).is_dir():
        raise OptionError("'-' stands for one image: give no folder and no other input with it")
    source = None if inputs[0] == STREAM else Path(inputs[0])
    if output in (None, STREAM):
        return Job(source, None)
    folder = _folder(output, many=False)
    if folder is None:
        return Job(source, Path(output or ""))
    return replace(_named(Path("stdin"), folder, "", suffix), source=None)


def _folder(output: str | None, *, many: bool) -> Path | None:
    """The folder that `output` names, None where it names a file or nothing."""
    if output is None:
        return None
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        many = True
    if many and path.exists() and not path.is_dir():
        raise OptionError(f"{output}: is a file, where several results need a folder")
    return path if many else None


def _name(folder: Path) -> str:
    name = Path(os.path.abspath(folder)).name
    if not name:
        raise OptionError(f"{folder}: has no name that a result could be called after: name the output folder")
    return name


def _beside(folder: Path, tag: str) -> Path:
    named = folder if folder.name not in ("", "..") else Path(os.path.abspath(folder))
    return named.with_name(f"{_name(folder)}-{tag}")


def _named(source: Path, folder: Path, tag: str, suffix: str) -> Job:
    return Job(
        source, folder / f"{source.stem}{tag}{suffix}", folder / f"{source.name}{tag}{suffix}", makes_folder=True
    )


def walk(folder: Path, outs: Iterable[str], problems: list[str]) -> list[Path]:
    """All image files below `folder` in order; no hidden ones, no linked folders, and none of this run's results."""
    return [image for images in _folders(folder, outs, problems) for image in images]


def _folders(folder: Path, outs: Iterable[str], problems: list[str]) -> Iterator[list[Path]]:
    """The same, those of one folder at a time."""

    def report(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}")

    for here, folders, names in os.walk(folder, onerror=report):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and os.path.realpath(os.path.join(here, name)) not in outs
        )
        names = sorted(name for name in names if name[0] != "." and name.lower().endswith(IMAGE_SUFFIXES))
        yield [image for image in (Path(here, name) for name in names) if _may_be_read(image)]


def _may_be_read(path: Path) -> bool:
    """Whether it is a regular file, or one whose reading will tell why not: no pipe, which might never end, no socket,
    device or folder, whatever link leads there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _separate(jobs: list[Job]) -> list[Job]:
    """Give jobs whose results would land on one file their full names: a.jpg.png and a.png.png."""
    while True:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for index, landed in enumerate(_landings([job.target for job in jobs])):
            places[landed].append(index)
        clashes = [
            indices
            for indices in places.values()
            if len(indices) > 1 and not _may_stay([jobs[index] for index in indices])
        ]
        if not clashes:
            return jobs
        for indices in clashes:
            if all(jobs[index].target == jobs[index].full for index in indices):
                names = " and ".join(jobs[index].name for index in indices)
                raise OptionError(
                    f"{names} would both be written to {jobs[indices[0]].target}: rename one, or run them apart"
                )
            for index in indices:
                jobs[index] = replace(jobs[index], target=jobs[index].full)


def landing(target: Path | None) -> str:
    """One text for all spellings of a file on any file system: links followed, case and Unicode form ignored."""
    return next(_landings([target]))


def _landings(targets: Iterable[Path | None]) -> Iterator[str]:
    """`landing` of each. The links on the way to a folder are followed once."""
    folders: dict[str, str] = {}
    for target in targets:
        folder, name = os.path.split(target or "")
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        path = os.path.join(folders[folder], name)
        if name in ("", ".", "..") or os.path.islink(path):
            path = os.path.realpath(path)
        yield unicodedata.normalize("NFC", path).casefold()


def _may_stay(jobs: Sequence[Job]) -> bool:
    """Whether targets that one text stands for are different files, and full names would not tell them better apart."""
    return len({landing(job.full) for job in jobs}) == 1 and _told_apart([job.target for job in jobs])


def _told_apart(targets: Sequence[Path | None]) -> bool:
    """Whether the file system of the results takes names that differ in case or Unicode form for different ones.

    It is asked: an empty file in the folder, or the nearest above that there is, for a moment.
    """
    paths = [os.path.realpath(target or "") for target in targets]
    names = [os.path.basename(path) for path in paths]
    if len(set(paths)) < len(paths) or len(set(names)) < len(names) or len(set(map(os.path.dirname, paths))) > 1:
        return False
    folder = Path(paths[0]).parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    tag = f".rmbg-fast-{os.urandom(6).hex()}-"
    probe = folder / f"{tag}{names[0]}"
    try:
        probe.touch(exist_ok=False)
        try:
            return not any(os.path.lexists(folder / f"{tag}{name}") for name in names[1:])
        finally:
            probe.unlink()
    except OSError:
        return False


def _protect_sources(jobs: Sequence[Job], background: str | None) -> None:
    sources = {identity: f"the source {job.name}" for job in jobs if (identity := _identity(job.source)) is not None}
    if background is not None and (identity := _identity(Path(background))) is not None:
        sources.setdefault(identity, f"the background {background}")
    for job in jobs:
        hit = sources.get(_identity(job.target) or (-1, -1))
        if hit is not None:
            raise OptionError(f"{job.name}: its result {job.target} would overwrite {hit}: name another output")


def protect_linked(jobs: Sequence[Job], sources: str) -> None:
    """No result is written through a link into the folder of the sources."""
    for job in jobs:
        if job.target is not None and job.target.is_symlink():
            hit = os.path.realpath(job.target)
            if os.path.commonpath([hit, sources]) == sources:
                raise OptionError(
                    f"{job.name}: its result {job.target} would overwrite the source {hit}: name another output"
                )


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        info = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return info.st_dev, info.st_ino
