"""The subcommand `rmbg-fast frames`: raw frames of a video, from standard input to standard output or to files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._images import formats, writing
from .._images.metadata import Metadata
from .._images.reading import Source
from .._storage import writing as storage
from ..errors import ImageError, OptionError
from ..flow import mapped
from . import streams
from .interrupts import Interrupts
from .options import format_name, ground, number, running
from .options import session as make_session

if TYPE_CHECKING:
    from .. import _core
    from ..session import Session

_ABOUT = (
    "Cut the subject out of each frame of a video. Frames come as raw RGB24 from standard input and go as raw RGBA to "
    "standard output (RGB24 over a --background, grey with --mask), or as numbered files into the folder -o. "
    "ffmpeg -i in.mp4 -f rawvideo -pix_fmt rgb24 - | rmbg-fast frames 1920 1080 | "
    "ffmpeg -f rawvideo -pix_fmt rgba -s 1920x1080 -r 25 -i - -c:v prores_ks -pix_fmt yuva444p10le out.mov"
)


def add(commands: Any) -> None:
    """Add `frames` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "frames", parents=[running()], help="cut out the raw frames of a video", description=_ABOUT
    )
    parser.add_argument("width", type=number(1), metavar="W", help="pixels of a frame, across")
    parser.add_argument("height", type=number(1), metavar="H", help="and down")
    parser.add_argument("-o", "--output", metavar="DIR", help="write 000001.png and so on into this folder")
    parser.add_argument("--format", type=format_name, default="png", metavar="FMT", help="of the files; default: png")
    appearance(parser)
    parser.set_defaults(run=_frames, model="u2netp")


def appearance(parser: argparse.ArgumentParser) -> None:
    """The options that say what frames look like; `Frames` takes them."""
    parser.add_argument("--mask", action="store_true", help="give the grey mask in place of the cut-out")
    parser.add_argument("--background", type=ground, metavar="COLOUR|FILE", help="put a colour or a picture behind")
    parser.add_argument("--threshold", type=number(1, 255), metavar="N", help="hard edge: opaque from N (1..255) on")
    parser.add_argument("--jobs", type=number(1), metavar="N", help="frames at a time; default: the session's slots")


class Frames:
    """Cuts frames out, several at a time and in order."""

    def __init__(self, session: Session, args: argparse.Namespace) -> None:
        if args.mask and args.background is not None:
            raise OptionError("--mask gives the mask alone: it does not go with --background")
        self._session, self._args = session, args
        self._under_way: set[_core.Call] = set()

    def cut(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """The result of each frame: RGBA, RGB over a background, or grey. Raises the first error."""
        lanes = self._args.jobs or self._session.stats.slots
        outcomes = mapped(frames, self._one, lanes=lanes, on_error="raise", cancel=self._stop)
        return (outcome.get() for outcome in outcomes)

    def _one(self, frame: NDArray[np.uint8], pixels: int | None) -> NDArray[np.uint8]:
        args, session = self._args, self._session
        with session._turn(pixels, self._under_way):
            if not args.mask:
                behind = None if args.background is None else args.background.under(Source(frame, "array"))
                return session.remove(frame, background=behind, threshold=args.threshold, on_empty="ignore")
            mask = session.mask(frame, on_empty="ignore")
            return mask if args.threshold is None else (mask >= args.threshold) * np.uint8(255)

    def _stop(self) -> None:
        for call in tuple(self._under_way):
            call.cancel()


def _frames(args: argparse.Namespace) -> int:
    if args.output is None and sys.stdout.isatty():
        raise OptionError("frames are not written to a terminal: send the output to a file or a program, or use -o DIR")
    known = formats.output_format(args.format)
    if args.output is not None and not known.alpha and not args.mask and args.background is None:
        raise OptionError(f"{known.name} holds no transparency: add --background COLOUR, or choose png or webp")
    with Interrupts("the frames under way are finished; Ctrl-C again stops them") as interrupts:
        cutter = Frames(make_session(args), args)
        for index, result in enumerate(cutter.cut(read(args.width, args.height, interrupts)), 1):
            if args.output is None:
                streams.write_bytes(np.ascontiguousarray(result).data)
            else:
                target = Path(args.output, f"{index:06}{known.suffixes[0]}")
                storage.write(target, writing.encode(result, Metadata(), known), makes_folder=True)
        return interrupts.code


def read(width: int, height: int, interrupts: Interrupts) -> Iterator[NDArray[np.uint8]]:
    """The frames of standard input, until it ends or Ctrl-C. Raises ImageError where it ends inside of one."""
    size, index = 3 * width * height, 0
    while not interrupts.asked:
        data = streams.read_exactly(size)
        if not data:
            return
        index += 1
        if len(data) < size:
            raise ImageError(f"standard input ends in frame {index}, after {len(data)} of its {size} bytes")
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
