"""The command `rmbg-fast`.

Exit codes: 0 all done, 1 something failed (each with a line on standard error), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from . import cli_optimize, cli_quantize, files, images
from .errors import OptionError, RmbgError

if TYPE_CHECKING:
    from .session import Session

_BAR_FROM = 4  # images; with fewer a bar tells nothing


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: sys.argv[1:]) and return its exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as exc:  # --help, --version and usage errors, which argparse has printed
        return int(exc.code or 0)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # up to the limit, a photo is a photo
            code: int = args.run(args)
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # `rmbg-fast models list | head -1`
        with suppress(OSError, ValueError):  # what is still buffered has nowhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        _say("interrupted; no file is half-written")
        return 130
    except OptionError as exc:
        _say(str(exc))
        return 2
    except RmbgError as exc:
        _say(str(exc))
        return 1


def _say(line: str) -> None:
    print(f"rmbg-fast: {line}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"note: {message}")


# --- remove


def _remove(args: argparse.Namespace) -> int:
    if args.mask and (args.background is not None or args.alpha != "straight"):
        raise OptionError("--mask writes the mask alone: it goes with neither --background nor --alpha")
    suffix = files.output_format(args.format or "png").suffixes[0]
    jobs, problems = files.plan(args.inputs, args.output, tag="mask" if args.mask else "cutout", suffix=suffix)
    tasks = [_Task(job, _format(args, job)) for job in jobs]
    for problem in problems:
        _say(problem)
    if not tasks:
        return 1
    session = _session(args)
    failures = len(problems)
    with _Reporter(len(tasks)) as reporter:
        for task in tasks:
            failures += not _process(task, session, args, reporter)
    return 1 if failures else 0


@dataclass(frozen=True)
class _Task:
    job: files.Job
    format: files.Format


def _format(args: argparse.Namespace, job: files.Job) -> files.Format:
    """The format of the job's result; everything that can be wrong with it is found before the model is loaded."""
    if job.target is None and sys.stdout.isatty():
        raise OptionError("an image is not written to a terminal: use -o FILE, or send the output to a file")
    known = files.output_format("png" if job.target is None and args.format is None else args.format, job.target)
    if not known.alpha and not args.mask and args.background is None:
        raise OptionError(f"{known.name} holds no transparency: add --background COLOUR, or choose png or webp")
    return known


def _process(task: _Task, session: Session, args: argparse.Namespace, reporter: _Reporter) -> bool:
    job, clock = task.job, time.perf_counter
    start = clock()
    try:
        image = io.BytesIO(sys.stdin.buffer.read()) if job.source is None else job.source
        result = _result(image, session, args)
        computed = clock()
        data = files.encode(result, task.format)
        encoded = clock()
        _write(job, data)
        written = clock()
    except BrokenPipeError:
        raise
    except Exception as exc:  # whatever is wrong with this image, the others shall be done
        reporter.fail(job.name, exc)
        return False
    ends = {"encode": encoded - computed, "write": written - encoded, "in all": written - start}
    stages = {**session.timings, **{stage: seconds * 1e3 for stage, seconds in ends.items()}}
    reporter.advance(f"{job.name} -> {job.target or 'standard output'}: {_stages(stages)}" if args.verbose else None)
    return True


def _result(image: images.ImageInput, session: Session, args: argparse.Namespace) -> Any:
    """The PIL image to write."""
    if not args.mask:
        return session.remove(image, background=args.background, alpha=args.alpha, threshold=args.threshold)
    mask = session.mask(image)
    if args.threshold is not None:
        mask = (mask >= args.threshold).astype(mask.dtype) * 255
    return Image.fromarray(mask)


def _write(job: files.Job, data: bytes) -> None:
    if job.target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if job.makes_folder:
        files.make_folder(job.target.parent)
    files.write(job.target, data)


def _stages(timings: Mapping[str, float]) -> str:
    return ", ".join(f"{stage} {milliseconds:.0f} ms" for stage, milliseconds in timings.items())


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

    def _line(self, line: str) -> None:
        if self._bar is None:
            print(line, file=sys.stderr)
        else:
            self._bar.write(line, file=sys.stderr)


def _session(args: argparse.Namespace) -> Session:
    from .session import Session

    return Session(args.model, device=args.device, threads=args.threads)


# --- models


def _models_list(args: argparse.Namespace) -> int:
    from . import models

    rows = [("NAME", "LICENCE", "COMMERCIAL USE", "SIZE", "HERE")]
    for name in models.names():
        spec = models.get(name)
        size = spec.files[0].bytes if spec.files else None
        rows.append(
            (
                name,
                spec.license,
                "yes" if spec.commercial else "no",
                f"{size / 1e6:.0f} MB" if size else "-",
                "yes" if _is_here(name) else "no",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _is_here(name: str) -> bool:
    from . import models
    from .errors import ModelError

    try:
        return models.path(name).is_file()
    except ModelError:
        return False


def _models_pull(args: argparse.Namespace) -> int:
    from . import models

    return _for_each(args.names, lambda name: print(models.pull(name)))


def _models_path(args: argparse.Namespace) -> int:
    from . import models

    return _for_each(args.names, lambda name: print(models.path(name)))


def _for_each(names: Sequence[str], action: Callable[[str], None]) -> int:
    code = 0
    for name in names:
        try:
            action(name)
        except RmbgError as exc:
            _say(str(exc))
            code = 1
    return code


# --- info, demo


def _info(args: argparse.Namespace) -> int:
    from .build_info import build_info

    info = build_info()
    if args.json:
        import json

        print(json.dumps(info, indent=2, default=str))
        return 0
    width = max(map(len, info), default=0)
    for key, value in info.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        print(f"{key.ljust(width)}  {'-' if text is None else text}")
    return 0


def _demo(args: argparse.Namespace) -> int:
    from . import demo

    photo = demo.photo()
    result = demo.run(_session(args), photo, Path(args.output))
    for path in result.files:
        print(path)
    print(_stages(result.timings))
    return 0


# --- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rmbg-fast", description="Remove the background of photos.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--model", default="isnet-general-use", metavar="NAME|FILE.onnx", help="default: %(default)s")
    running.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N; cuda never falls back")
    running.add_argument(
        "--threads", type=_number(1), metavar="N", help="default: what this machine or container allows"
    )
    _add_remove(commands.add_parser("remove", parents=[running], help="cut out images", description=_REMOVE))
    _add_models(commands.add_parser("models", help="list, download and find models"))
    info = commands.add_parser("info", help="what is installed and what runs, for a bug report")
    info.add_argument("--json", action="store_true")
    info.set_defaults(run=_info)
    demo = commands.add_parser("demo", parents=[running], help="cut out a photo of a cat that scikit-image ships")
    demo.add_argument("-o", "--output", default="rmbg-fast-demo", metavar="DIR", help="default: ./%(default)s")
    demo.set_defaults(run=_demo)
    cli_optimize.add(commands)
    cli_quantize.add(commands)
    return parser


_REMOVE = (
    "Cut out images. Without -o the result of cat.jpg is cat-cutout.png beside it, that of the folder photos is "
    "photos-cutout, which keeps the folder's tree. An older result is replaced; a source never is."
)


def _add_remove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="IN", help="image file or folder; - reads standard input")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file, folder (ends in / if new) or - for standard output"
    )
    parser.add_argument("--mask", action="store_true", help="write the grey mask in place of the cut-out")
    parser.add_argument(
        "--background", type=_colour, metavar="COLOUR", help="put a colour behind: white, '#ffcc00', ..."
    )
    parser.add_argument("--threshold", type=_number(1, 255), metavar="N", help="hard edge: opaque from N (1..255) on")
    parser.add_argument("--alpha", choices=("straight", "premultiplied"), default="straight", help="default: straight")
    parser.add_argument("--format", type=_format_name, metavar="FMT", help=f"{', '.join(files.FORMATS)}; default: png")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line with the times of each image")
    parser.set_defaults(run=_remove)


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="names, licences, sizes").set_defaults(run=_models_list)
    for action, run, text in (("pull", _models_pull, "download"), ("path", _models_path, "print where the file lies")):
        command = actions.add_parser(action, help=text)
        command.add_argument("names", nargs="+", metavar="NAME")
        command.set_defaults(run=run)


class _Version(argparse.Action):
    """`--version`, which looks the version up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"rmbg-fast {version('rmbg-fast')}")
        parser.exit()


def _number(least: int, most: int | None = None) -> Callable[[str], int]:
    wanted = f"must be a whole number of at least {least}" if most is None else f"must be a number {least}..{most}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}")
        return value

    return parse


def _colour(text: str) -> tuple[int, int, int]:
    try:
        return images.parse_colour(text)
    except OptionError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _format_name(text: str) -> str:
    try:
        return files.output_format(text).name
    except OptionError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
