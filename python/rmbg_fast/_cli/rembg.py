"""The subcommand `rmbg-fast rembg`: rembg's own command line (i, p, b, s, d) on this package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._storage import writing as storage
from ..errors import OptionError, RmbgError
from ..flow import mapped
from . import frames, jobs, rembg_folder, serve, streams
from .interrupts import Interrupts
from .options import number, say

if TYPE_CHECKING:
    from ..rembg import RembgSession

_ABOUT = (
    "The command line of rembg 2.0.86, with the same options and results: i (a file), p (a folder), b (raw frames), "
    "s (a server), d (download models). An older result is replaced; a source, or another picture's result, never is."
)


_OF_SERVER = (
    "rmbg-fast serve with rembg's endpoint, models and results: see rmbg-fast serve --help for its limits, which may "
    "be set as environment variables here. Callers choose from the models that are named here, by rembg's names."
)


def add(commands: Any) -> None:
    """Add `rembg` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser("rembg", help="take rembg's place", description=_ABOUT)
    kinds = parser.add_subparsers(metavar="i|p|b|s|d", required=True)

    one = kinds.add_parser("i", parents=[_cutting()], help="a file, or standard input")
    one.add_argument("input", nargs="?", default=jobs.STREAM, metavar="INPUT", help="default: standard input")
    one.add_argument(
        "output",
        nargs="?",
        default=jobs.STREAM,
        metavar="OUTPUT",
        help="a PNG file, whatever its name; default: standard output",
    )
    one.set_defaults(run=_file)

    many = kinds.add_parser("p", parents=[_cutting()], help="all images in a folder and below it")
    many.add_argument("input", metavar="INPUT", help="folder of images")
    many.add_argument("output", metavar="OUTPUT", help="folder that takes a .png of each")
    many.add_argument("-w", "--watch", action="store_true", help="go on with files that come later, until Ctrl-C")
    many.add_argument("-d", "--delete_input", action="store_true", help="delete each file once its result is written")
    many.add_argument("--accept-usage-cost", action="store_true", help="of no effect: nothing here costs anything")
    many.set_defaults(run=_folder)

    raw = kinds.add_parser("b", parents=[_cutting()], help="raw RGB24 frames from standard input")
    raw.add_argument("image_width", type=number(1), metavar="IMAGE_WIDTH", help="pixels of a frame, across")
    raw.add_argument("image_height", type=number(1), metavar="IMAGE_HEIGHT", help="and down")
    raw.add_argument(
        "-o", "--output_specifier", metavar="NAME",
        help="name of the PNG files, with the frame's number from 0 on as in printf: output-%%03d.png; without, they "
        "go to standard output, one after the other",
    )  # fmt: skip
    raw.set_defaults(run=_frames)

    server = kinds.add_parser("s", add_help=False, help="an HTTP server", description=_OF_SERVER)
    server.add_argument("--help", action="help", help="show this help message and exit")
    server.add_argument("-p", "--port", default="7000", metavar="N", help="default: %(default)s")
    server.add_argument("-h", "--host", default="0.0.0.0", help="address to listen on; default: %(default)s")
    server.add_argument("-l", "--log_level", default="info", metavar="LEVEL", help="info logs requests; default: info")
    server.add_argument("-t", "--threads", metavar="N", help="default: what this machine or container allows")
    server.add_argument("--no-ui", action="store_true", help="of no effect: the page costs nothing")
    server.add_argument("-m", "--model", action="append", default=[], metavar="NAME", help="default: bria-rmbg")
    server.add_argument("--allow-urls", nargs="+", default=[], metavar="HOST", help="as that of rmbg-fast serve")
    server.set_defaults(run=_serve)

    move = kinds.add_parser("m", help="not there: models in rembg's older folder are found where they lie")
    for option in ("--dry-run", "--delete-source", "--clean-orphans"):
        move.add_argument(option, action="store_true", help=argparse.SUPPRESS)
    move.set_defaults(run=_move)

    models = kinds.add_parser("d", help="download models: all of them, or those that are named")
    models.add_argument("models", nargs="*", metavar="MODEL", help="by rembg's name")
    models.set_defaults(run=_download)


def _cutting() -> argparse.ArgumentParser:
    """The options of a cut-out, as a parent of parsers; `Cutter` takes them."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("-m", "--model", default="bria-rmbg", metavar="NAME", help="default: %(default)s")
    add("-a", "--alpha-matting", action="store_true", help="find alpha anew, with pymatting")
    add("-af", "--alpha-matting-foreground-threshold", type=int, default=240, metavar="N", help="default: %(default)s")
    add("-ab", "--alpha-matting-background-threshold", type=int, default=10, metavar="N", help="default: %(default)s")
    add("-ae", "--alpha-matting-erode-size", type=int, default=10, metavar="N", help="default: %(default)s")
    add("-om", "--only-mask", action="store_true", help="give the mask alone")
    add("-ppm", "--post-process-mask", action="store_true", help="smooth the mask, and make it 0 or 255")
    add("-dc", "--decontaminate", action="store_true", help="take the background's colour out of soft edges")
    add("-vm", "--vitmatte", action="store_true", help="not there")
    add("-bgc", "--bgcolor", type=int, nargs=4, metavar=("R", "G", "B", "A"), help="put a colour behind")
    add("-x", "--extras", default="{}", metavar="JSON", help='more of remove\'s options, such as {"putalpha": true}')
    return parser


class Cutter:
    """Does pictures with the options of the command, from many threads."""

    def __init__(self, args: argparse.Namespace) -> None:
        from ..rembg import new_session

        names = (
            "alpha_matting", "alpha_matting_foreground_threshold", "alpha_matting_background_threshold",
            "alpha_matting_erode_size", "only_mask", "post_process_mask", "decontaminate", "vitmatte", "bgcolor",
        )  # fmt: skip
        extras = _extras(args.extras)
        of_session = {key: extras.pop(key) for key in ("model_path", "providers") if key in extras}
        self._options = {name: getattr(args, name) for name in names}
        for key in extras.keys() & {*self._options, "session", "force_return_bytes"}:
            raise OptionError(f"--extras: {key!r} is not among what goes there")
        self._options |= extras
        self.session: RembgSession = new_session(args.model, **of_session)

    @property
    def lanes(self) -> int:
        """How many pictures are worked on at a time."""
        return self.session.session.stats.slots

    def cut(self, picture: bytes | NDArray[np.uint8]) -> bytes:
        """The PNG file of a result."""
        from ..rembg import remove

        png: Any = remove(picture, session=self.session, force_return_bytes=True, **self._options)
        return bytes(png)


def _extras(text: str) -> dict[str, Any]:
    import json

    try:
        extras = json.loads(text)
    except ValueError as exc:
        raise OptionError(f"--extras is no JSON: {exc}") from exc
    if not isinstance(extras, dict):
        raise OptionError(f"--extras must be an object of JSON, not {text}")
    return extras


def _file(args: argparse.Namespace) -> int:
    (job,), _ = jobs.collect([args.input], args.output, tag="cutout", suffix=".png")
    if job.target is None and sys.stdout.isatty():
        raise OptionError("an image is not written to a terminal: name a file, or send the output to one")
    data = streams.read_bytes() if job.source is None else _read(job.source)
    result = Cutter(args).cut(data)
    if job.target is None:
        streams.write_bytes(result)
    else:
        storage.write(job.target, result)
    return 0


def _folder(args: argparse.Namespace) -> int:
    folder = rembg_folder.Folder(args.input, args.output)
    cutter = Cutter(args)
    with Interrupts("the images under way are finished; Ctrl-C again stops them") as interrupts:
        return rembg_folder.run(
            folder, lambda source: cutter.cut(_read(source)), interrupts,
            lanes=cutter.lanes, watch=args.watch, delete=args.delete_input,
        )  # fmt: skip


def _frames(args: argparse.Namespace) -> int:
    name = args.output_specifier
    if name is None and sys.stdout.isatty():
        raise OptionError("images are not written to a terminal: send the output to a file or a program, or use -o")
    if name is not None and _numbered(name, 0) == _numbered(name, 1):
        raise OptionError(f"{name}: has no place for the frame's number, such as %03d")
    cutter = Cutter(args)
    with Interrupts("the frames under way are finished; Ctrl-C again stops them") as interrupts:
        source: Iterator[NDArray[np.uint8]] = frames.read(args.image_width, args.image_height, interrupts)
        outcomes = mapped(source, lambda frame, _: cutter.cut(frame), lanes=cutter.lanes, on_error="raise")
        for outcome in outcomes:
            if name is None:
                streams.write_bytes(outcome.get())
            else:
                storage.write(_numbered(name, outcome.index), outcome.get())
        return interrupts.code


def _numbered(name: str, index: int) -> str:
    try:
        return name % index
    except (TypeError, ValueError) as exc:
        raise OptionError(f"{name}: takes no number, as output-%03d.png does") from exc


def _read(path: Any) -> bytes:
    from ..errors import ImageError

    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise ImageError(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def _move(_: argparse.Namespace) -> int:
    raise OptionError("m is not there, and not needed: models in rembg's older folder are found where they lie")


def _serve(args: argparse.Namespace) -> int:
    words = ["serve", "--rembg", f"--host={args.host}", f"--port={args.port}"]
    words += [f"--model={name}" for name in args.model]
    words += [] if args.threads is None else [f"--threads={args.threads}"]
    words += ["--access-log"] if args.log_level.lower() in ("info", "debug", "trace") else []
    words += ["--allow-urls", *args.allow_urls] if args.allow_urls else []
    parser = argparse.ArgumentParser(prog="rmbg-fast")
    serve.add(parser.add_subparsers())
    return serve.run(parser.parse_args(words))


def _download(args: argparse.Namespace) -> int:
    from ..rembg import _models

    code = 0
    for name in args.models or _models.downloadable():
        try:
            spec = _models.fetched(name, _models.spec_of(name))
            say(f"{name} is at {spec.path or 'its place'}")
        except RmbgError as exc:
            say(str(exc))
            code = 1
    return code
