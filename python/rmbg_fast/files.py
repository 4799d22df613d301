"""Result files: in which format, under which name, and how they get there whole."""

from __future__ import annotations

import io
import os
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from .errors import ImageError, OptionError, OutputError

# --- the format


@dataclass(frozen=True)
class Format:
    """A file format for results: the suffixes that name it (the first is used for new names), and how Pillow writes it.

    `options` are for a picture with alpha and for masks, `opaque` for one over a background colour.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool
    options: dict[str, Any]
    opaque: dict[str, Any] = field(default_factory=dict)


# PNG level 1: on a cut-out of scikit-image's cat (451 x 300) 12 ms and 193 kB, against 35 ms and 178 kB at Pillow's
# level 6; at four times that size 156 ms and 1.8 MB against 466 ms and 1.5 MB. WebP keeps a cut-out exactly, 40 %
# smaller than PNG; lossy chroma would let the black under alpha 0 bleed into the rim. For the same reason AVIF, which
# Pillow writes only with loss, keeps full chroma.
_PHOTO = {"quality": 95, "subsampling": 0}
FORMATS = {
    known.name: known
    for known in (
        Format("png", (".png",), True, {"compress_level": 1}),
        Format("webp", (".webp",), True, {"lossless": True, "quality": 50, "method": 1}, {"quality": 90}),
        Format("tiff", (".tif", ".tiff"), True, {"compression": "tiff_adobe_deflate"}),
        Format("avif", (".avif",), True, {"quality": 90, "subsampling": "4:4:4", "speed": 8}),
        Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), False, _PHOTO),
        Format("bmp", (".bmp",), False, {}),
    )
}
_SUFFIXES = {suffix: known for known in FORMATS.values() for suffix in known.suffixes}


def output_format(name: str | None, target: str | os.PathLike[str] | None = None) -> Format:
    """The format called `name` ("png", "webp", "tiff", "avif", "jpeg" or "jpg", "bmp"), else by `target`'s suffix.

    Raises OptionError for one that is unknown or that the installed Pillow cannot write.
    """
    suffix = f".{name.lower()}" if name is not None else Path(target or "").suffix.lower()
    known = _SUFFIXES.get(suffix) or FORMATS.get(suffix[1:])
    if known is None:
        what = f"format {name!r}" if name is not None else f"the suffix of {os.fspath(target or '')!r}"
        raise OptionError(f"{what} is none that results are written in: choose from {', '.join(FORMATS)}")
    Image.init()
    if known.name.upper() not in Image.SAVE:
        raise OptionError(f"this Pillow cannot write {known.name.upper()}: choose another format, or a newer Pillow")
    return known


def encode(image: Image.Image, known: Format) -> bytes:
    """The bytes of an image file with the picture's ICC profile. Raises OptionError where the format has no alpha."""
    opaque = image.mode == "RGB"
    if not known.alpha and image.has_transparency_data:
        raise OptionError(
            f"{known.name.upper()} holds no transparency: give a background colour, or choose PNG or WebP"
        )
    options = known.opaque if opaque and known.opaque else known.options
    icc = image.info.get("icc_profile")
    buffer = io.BytesIO()
    try:
        image.save(buffer, known.name.upper(), **options, **({"icc_profile": icc} if icc else {}))
    except (OSError, ValueError, MemoryError) as exc:
        reason = str(exc) or "not enough memory"
        raise OutputError(f"{image.width} x {image.height} pixels cannot be written as {known.name}: {reason}") from exc
    return buffer.getvalue()


# --- the writing


def write(target: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `target` whole or not at all; an older file stays untouched until the new one is complete.

    The bytes go to a temporary file in the same folder, to the disk, and are then renamed. New files get the mode that
    the umask gives, existing ones keep theirs; a link is written through. Raises OutputError.
    """
    path = Path(target)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe, which a rename would replace by a file
        else:
            _replace(Path(os.path.realpath(path)), data)
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


def _replace(path: Path, data: bytes) -> None:
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError("it is write-protected")
    temporary = path.with_name(f".rmbg-fast-{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            with suppress(OSError):
                shutil.copymode(path, temporary)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


# --- the names

STREAM = "-"
# What a folder run takes for images; a file that is named on its own may be called anything.
IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm",
    ".ppm", ".tga", ".tif", ".tiff", ".webp",
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


def plan(inputs: Sequence[str], output: str | None, *, tag: str, suffix: str) -> tuple[list[Job], list[str]]:
    """Decide, before any work, where each result goes; gives the jobs and a line for each folder that cannot be read.

    `tag` ("cutout") names results without an `output`: `cat-cutout.png` beside `cat.jpg`, `photos-cutout/` beside
    `photos/`. Raises OptionError when two results would land on one file or a result on a source.
    """
    if "" in (output, *inputs):  # an unset shell variable; as a path it would be the current folder
        raise OptionError("a file name is empty")
    inputs = list(dict.fromkeys(inputs))
    if STREAM in (output, *inputs):
        return [_stream_job(inputs, output, suffix)], []
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
            found = _walk(source, outs, problems)
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
    _protect_sources(jobs)
    return jobs, problems


def find(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The image files that `inputs` name: files as they are, of folders all below them in order.

    Raises ImageError for a folder that cannot be read or holds no images.
    """
    found: list[Path] = []
    for path in map(Path, inputs):
        problems: list[str] = []
        inside = _walk(path, (), problems) if path.is_dir() else [path]
        if problems or not inside:
            raise ImageError(problems[0] if problems else f"{path}: no image files in this folder")
        found += inside
    return found


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


def _walk(folder: Path, outs: Iterable[str], problems: list[str]) -> list[Path]:
    """All image files below `folder` in order; no hidden ones, no linked folders, and none of this run's results."""

    def report(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}")

    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=report):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and os.path.realpath(os.path.join(here, name)) not in outs
        )
        images = [
            Path(here, name) for name in sorted(names) if name[0] != "." and name.lower().endswith(IMAGE_SUFFIXES)
        ]
        found += [image for image in images if image.is_file() or image.is_symlink()]
    return found


def _separate(jobs: list[Job]) -> list[Job]:
    """Give jobs whose results would land on one file their full names: a.jpg.png and a.png.png."""
    while True:
        landing: defaultdict[str, list[int]] = defaultdict(list)
        for index, job in enumerate(jobs):
            landing[_landing(job.target)].append(index)
        clashes = [indices for indices in landing.values() if len(indices) > 1]
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


def _landing(target: Path | None) -> str:
    """One text for all spellings of a file on any file system: links followed, case and Unicode form ignored."""
    return unicodedata.normalize("NFC", os.path.realpath(target or "")).casefold()


def _protect_sources(jobs: Sequence[Job]) -> None:
    sources = {identity: job for job in jobs if (identity := _identity(job.source)) is not None}
    for job in jobs:
        hit = sources.get(_identity(job.target) or (-1, -1))
        if hit is not None:
            raise OptionError(
                f"{job.name}: its result {job.target} would overwrite the source {hit.name}: name another output"
            )


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        info = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return info.st_dev, info.st_ino
