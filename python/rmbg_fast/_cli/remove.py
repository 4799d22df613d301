"""The subcommand `rmbg-fast remove`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from .._images import formats
from ..errors import OptionError
from ..flow import mapped
from . import cutting, jobs, streams
from .interrupts import Interrupts
from .options import format_name, ground, number, running
from .options import session as make_session
from .reporter import Reporter

_ABOUT = (
    "Cut out images. Without -o the result of cat.jpg is cat-cutout.png beside it, that of the folder photos is "
    "photos-cutout, which keeps the folder's tree. An older result is replaced; a source never is."
)
_INTERRUPTED = "the images under way are finished; Ctrl-C again stops them. --resume does the rest"


def add(commands: Any) -> None:
    """Add `remove` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "remove", parents=[running()], help="cut out images", description=_ABOUT
    )
    parser.add_argument("inputs", nargs="*", metavar="IN", help="image file or folder; - reads standard input")
    parser.add_argument(
        "--from-file", metavar="FILE", help="do the images that FILE names, one a line; - reads standard input"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file, folder (ends in / if new) or - for standard output"
    )
    parser.add_argument("--mask", action="store_true", help="write the grey mask in place of the cut-out")
    parser.add_argument(
        "--draft", action="store_true",
        help="with --mask: decode JPEG no larger than the model needs it; faster, and the mask changes a little",
    )  # fmt: skip
    parser.add_argument(
        "--background", type=ground, metavar="COLOUR|FILE",
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
    parser.add_argument("--format", type=format_name, metavar="FMT", help=f"{', '.join(formats.FORMATS)} (png)")
    parser.add_argument(
        "--compress", choices=("fast", "small"), default="fast",
        help="small: smaller files of the same pixels, several times slower; default: fast",
    )  # fmt: skip
    parser.add_argument(
        "--max-side", type=number(1), metavar="N", help="scale pictures with a longer side down to N pixels first"
    )
    parser.add_argument(
        "--jobs",
        type=number(1),
        metavar="N",
        help="images at a time; default: the session's slots. More help where results go to a slow disk or network",
    )
    parser.add_argument(
        "--resume", action="store_true", help="leave out what has a result that is no older than its source"
    )
    parser.add_argument(
        "--report", metavar="FILE.jsonl",
        help="a line of JSON for each image: input, output, seconds by stage, error, coverage; --resume adds to it",
    )  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="a line with the times of each image")
    parser.set_defaults(run=_remove)


def _remove(args: argparse.Namespace) -> int:
    if args.mask and (args.background is not None or args.alpha is not None or args.foreground != "keep"):
        raise OptionError("--mask writes the mask alone: it goes with none of --background, --alpha and --foreground")
    if args.draft and not args.mask:
        raise OptionError("--draft goes with --mask: a cut-out needs the whole picture")
    if bool(args.inputs) == (args.from_file is not None):
        raise OptionError("give either images and folders, or --from-file")
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts(_INTERRUPTED))
        reporter = stack.enter_context(Reporter(args.report, again=args.resume, verbose=args.verbose))
        tasks = _tasks(args, reporter, interrupts)
        first = next(tasks, None)  # what is wrong with the options is found before the model is loaded
        if first is None:
            return interrupts.code or reporter.end(resumed=args.resume)
        session = make_session(args)
        reporter.start(_total(args))
        cutter = cutting.Cutter(session, args)
        lanes = args.jobs or session.stats.slots
        every = chain([first], tasks)
        for outcome in mapped(every, cutter.cut, lanes=lanes, pixels=cutting.Task.pixels, cancel=cutter.stop):
            reporter.tell(outcome.get())
        return interrupts.code or reporter.end(resumed=args.resume)


def _tasks(args: argparse.Namespace, reporter: Reporter, interrupts: Interrupts) -> Iterator[cutting.Task]:
    """What is to be done, until Ctrl-C."""
    tag, suffix = "mask" if args.mask else "cutout", formats.output_format(args.format or "png").suffixes[0]
    behind = None if args.background is None else args.background.file
    where: dict[str, Any] = {"tag": tag, "suffix": suffix, "background": behind}
    if args.from_file is None:
        listed = jobs.listed(args.inputs, args.output, **where)
    else:
        listed = jobs.listed_by_name(streams.lines_of(args.from_file), args.output, **where)
    for job in listed:
        if interrupts.asked:
            return
        if isinstance(job, str):
            reporter.problem(job)
        elif args.resume and _is_fresh(job):
            reporter.skip()
        else:
            yield cutting.Task(job, _format(args, job))


def _total(args: argparse.Namespace) -> int | None:
    """How many images there are, for the time that is left; counted only where somebody sees it."""
    if args.from_file is not None or not sys.stderr.isatty():
        return None
    return sum(jobs.count(item) for item in args.inputs)


def _is_fresh(job: jobs.Job) -> bool:
    """Whether its result is there, whole as each is, and no older than its source. An empty file is what is left of one
    where the machine lost its power."""
    try:
        if job.source is None or job.target is None:
            return False
        result = os.stat(job.target)
        return result.st_size > 0 and result.st_mtime_ns >= os.stat(job.source).st_mtime_ns
    except OSError:
        return False


def _format(args: argparse.Namespace, job: jobs.Job) -> formats.Format:
    """The format of the job's result; what is wrong with it is found before the model is loaded."""
    if job.target is None and sys.stdout.isatty():
        raise OptionError("an image is not written to a terminal: use -o FILE, or send the output to a file")
    known = formats.output_format("png" if job.target is None and args.format is None else args.format, job.target)
    if not known.alpha and not args.mask and args.background is None:
        raise OptionError(f"{known.name} holds no transparency: add --background COLOUR, or choose png or webp")
    return known
