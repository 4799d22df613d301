"""The subcommand `rmbg-fast remove`."""

from __future__ import annotations

import argparse
import io
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._images import backgrounds, formats, reading, writing
from .._images.metadata import Metadata
from .._storage import writing as storage
from ..errors import OptionError, RmbgError
from . import jobs, streams
from .options import number, running, say, stages
from .options import session as make_session

if TYPE_CHECKING:
    from ..session import Session

_BAR_FROM = 4  # images; with fewer a bar tells nothing

_ABOUT = (
    "Cut out images. Without -o the result of cat.jpg is cat-cutout.png beside it, that of the folder photos is "
    "photos-cutout, which keeps the folder's tree. An older result is replaced; a source never is."
)


def add(commands: Any) -> None:
    """Add `remove` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "remove", parents=[running()], help="cut out images", description=_ABOUT
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="image file or folder; - reads standard input")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file, folder (ends in / if new) or - for standard output"
    )
    parser.add_argument("--mask", action="store_true", help="write the grey mask in place of the cut-out")
    parser.add_argument(
        "--background", type=_ground, metavar="COLOUR|FILE",
        help="put a colour behind (white, '#ffcc00', ...) or a picture, which covers the photo",
    )  # fmt: skip
    parser.add_argument(
        "--crop", type=number(0), nargs="?", const=0, metavar="MARGIN",
        help="cut the result down to the subject, and MARGIN pixels around it (0)",
    )  # fmt: skip
    parser.add_argument(
        "--accept-truncated", action="store_true", help="take files whose end is missing; what is missing is grey"
    )
    parser.add_argument("--threshold", type=number(1, 255), metavar="N", help="hard edge: opaque from N (1..255) on")
    parser.add_argument("--alpha", choices=("straight", "premultiplied"), help="default: straight, or the recipe's")
    parser.add_argument(
        "--foreground", choices=("keep", "estimate"), default="keep",
        help="estimate: take the background's colour out of soft edges; default: keep",
    )  # fmt: skip
    parser.add_argument(
        "--on-empty", choices=("warn", "raise", "ignore"), default="warn",
        help="a picture without a subject gives a transparent result; warn (default) adds a line, raise makes it fail",
    )  # fmt: skip
    parser.add_argument("--format", type=_format_name, metavar="FMT", help=f"{', '.join(formats.FORMATS)} (png)")
    parser.add_argument(
        "--compress", choices=("fast", "small"), default="fast",
        help="small: smaller files of the same pixels, several times slower; default: fast",
    )  # fmt: skip
    parser.add_argument(
        "--max-side", type=number(1), metavar="N", help="scale pictures with a longer side down to N pixels first"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a line with the times of each image")
    parser.set_defaults(run=_remove)


def _remove(args: argparse.Namespace) -> int:
    if args.mask and (args.background is not None or args.alpha is not None or args.foreground != "keep"):
        raise OptionError("--mask writes the mask alone: it goes with none of --background, --alpha and --foreground")
    suffix = formats.output_format(args.format or "png").suffixes[0]
    tag = "mask" if args.mask else "cutout"
    behind = None if args.background is None else args.background.file
    planned, problems = jobs.plan(args.inputs, args.output, tag=tag, suffix=suffix, background=behind)
    tasks = [_Task(job, _format(args, job)) for job in planned]
    for problem in problems:
        say(problem)
    if not tasks:
        return 1
    session = make_session(args)
    failures = len(problems)
    with _Reporter(len(tasks)) as reporter:
        for task in tasks:
            failures += not _process(task, session, args, reporter)
    return 1 if failures else 0


@dataclass(frozen=True)
class _Task:
    job: jobs.Job
    format: formats.Format


def _format(args: argparse.Namespace, job: jobs.Job) -> formats.Format:
    """The format of the job's result; everything that can be wrong with it is found before the model is loaded."""
    if job.target is None and sys.stdout.isatty():
        raise OptionError("an image is not written to a terminal: use -o FILE, or send the output to a file")
    known = formats.output_format("png" if job.target is None and args.format is None else args.format, job.target)
    if not known.alpha and not args.mask and args.background is None:
        raise OptionError(f"{known.name} holds no transparency: add --background COLOUR, or choose png or webp")
    return known


def _process(task: _Task, session: Session, args: argparse.Namespace, reporter: _Reporter) -> bool:
    job, clock = task.job, time.perf_counter
    start = clock()
    try:
        image = io.BytesIO(streams.read_bytes()) if job.source is None else job.source
        cut: Literal["accept", "refuse"] = "accept" if args.accept_truncated else "refuse"
        source = reading.read(image, deep=True, truncated=cut, max_side=args.max_side, threads=args.threads)
        decoded = clock()
        pixels = _result(source, session, args)
        computed = clock()
        kept = Metadata(dpi=source.metadata.dpi) if args.mask else source.metadata
        data = writing.encode(pixels, kept, task.format, writing.Output(None, args.compress, args.threads))
        encoded = clock()
        _write(job, data)
        written = clock()
    except BrokenPipeError:
        raise
    except Exception as exc:  # whatever is wrong with this image, the others shall be done
        reporter.fail(job.name, exc)
        return False
    ends = {
        "decode": decoded - start,
        "encode": encoded - computed,
        "write": written - encoded,
        "in all": written - start,
    }
    if args.on_empty == "warn" and session.scene is not None and session.scene.empty:
        reporter.note(job.name, session.scene.empty)
    milliseconds = {**session.timings, **{stage: seconds * 1e3 for stage, seconds in ends.items()}}
    line = f"{job.name} -> {job.target or 'standard output'}: {stages(milliseconds)}"
    reporter.advance(line if args.verbose else None)
    return True


def _result(source: reading.Source, session: Session, args: argparse.Namespace) -> Any:
    """The pixels to write, as deep as those of the image."""
    # A warning would not name the image.
    on_empty: Literal["raise", "ignore"] = "raise" if args.on_empty == "raise" else "ignore"
    pixels = source.pixels
    if not args.mask:
        background = None if args.background is None else args.background.under(source)
        return session.remove(
            pixels, background=background, alpha=args.alpha, threshold=args.threshold,
            foreground=args.foreground, on_empty=on_empty, crop=args.crop,
        )  # fmt: skip
    deep = pixels.dtype == np.uint16
    mask = session.mask(pixels, dtype="uint16" if deep else "uint8", on_empty=on_empty, crop=args.crop)
    if args.threshold is not None:
        level = 257 if deep else 1  # of 16 bits in one of 8
        mask = (mask >= args.threshold * level) * mask.dtype.type(255 * level)
    return mask


def _write(job: jobs.Job, data: bytes) -> None:
    if job.target is None:
        streams.write_bytes(data)
        return
    if job.makes_folder:
        storage.make_folder(job.target.parent)
    storage.write(job.target, data)


class _Reporter:
    """Lines on standard error, and a bar below them where the run is long, tqdm installed and a terminal there."""

    def __init__(self, total: int) -> None:
        self._bar: Any = None
        if total >= _BAR_FROM and sys.stderr.isatty():
            with suppress(ImportError):
                from tqdm import tqdm

                self._bar = tqdm(total=total, unit="image", file=sys.stderr)

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, line: str | None) -> None:
        if line is not None:
            self._line(line)
        if self._bar is not None:
            self._bar.update()

    def fail(self, name: str, error: Exception) -> None:
        if isinstance(error, RmbgError):
            reason = str(error).removeprefix(f"{name}: ").removeprefix("the file object: ")
        elif isinstance(error, MemoryError):
            reason = "not enough memory"
        else:
            reason = f"unexpected {type(error).__name__}: {error}"
        self.advance(f"rmbg-fast: {name}: {' '.join(reason.split())}")

    def note(self, name: str, text: str) -> None:
        self._line(f"rmbg-fast: note: {name}: {text}")

    def _line(self, line: str) -> None:
        if self._bar is None:
            streams.tell(line)
        else:
            self._bar.write(line, file=sys.stderr)


def _ground(text: str) -> backgrounds.Ground:
    try:
        return backgrounds.Ground(text)
    except RmbgError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _format_name(text: str) -> str:
    try:
        return formats.output_format(text).name
    except OptionError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
