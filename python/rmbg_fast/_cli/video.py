"""The subcommand `rmbg-fast video`: the subject of a video file, by PyAV, with its sound."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._storage import writing as storage
from ..errors import ImageError, OptionError, OutputError
from .frames import Frames, appearance
from .options import running
from .options import session as make_session
from .sound import Sound

_ABOUT = (
    "Cut the subject out of a video, and keep its sound. OUT.mov becomes ProRes 4444 with alpha (--codec qtrle: "
    "QuickTime RLE, without loss), OUT.webm VP9 with alpha; over a --background OUT.mp4 is H.264, without alpha. Needs "
    "the extra `video`: pip install 'rmbg-fast[video]'."
)


@dataclass(frozen=True)
class Codec:
    """How a codec is asked of FFmpeg, and which container it goes into."""

    encoder: str
    pixels: str
    container: str
    alpha: bool
    options: dict[str, str]


CODECS = {
    "prores": Codec("prores_ks", "yuva444p10le", "mov", True, {"profile": "4444"}),
    "qtrle": Codec("qtrle", "argb", "mov", True, {}),
    "vp9": Codec("libvpx-vp9", "yuva420p", "webm", True, {"crf": "24", "b": "0", "row-mt": "1", "deadline": "good"}),
    "h264": Codec("libx264", "yuv420p", "mp4", False, {"crf": "18", "preset": "veryfast"}),
}
_BY_SUFFIX = {".mov": "prores", ".webm": "vp9", ".mp4": "h264"}


def add(commands: Any) -> None:
    """Add `video` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "video", parents=[running()], help="cut the subject out of a video", description=_ABOUT
    )
    parser.add_argument("input", metavar="IN", help="video file")
    parser.add_argument("output", metavar="OUT", help="video file; its suffix is .mov, .webm or .mp4")
    parser.add_argument("--codec", choices=tuple(CODECS), help="default: prores for .mov, vp9 for .webm, h264 for .mp4")
    appearance(parser)
    parser.set_defaults(run=_video, model="u2netp")


def _video(args: argparse.Namespace) -> int:
    codec = _codec(args)
    try:
        import av
    except ImportError as exc:
        raise OptionError("`rmbg-fast video` needs PyAV: pip install 'rmbg-fast[video]'") from exc
    if Path(args.output).exists() and Path(args.input).exists() and Path(args.output).samefile(args.input):
        raise OptionError(f"{args.output} is the source: name another output")
    cutter = Frames(make_session(args), args)
    try:
        with (
            av.open(args.input) as source,
            storage.replaced(Path(args.output)) as file,
            av.open(file, "w", format=codec.container) as target,
        ):
            _Copy(args.input, source, target, codec).run(cutter)
    except av.error.FFmpegError as exc:
        raise ImageError(f"{args.input}: {exc.strerror or exc}") from exc
    except OSError as exc:
        raise OutputError(f"{args.output}: cannot be written: {exc.strerror or exc}") from exc
    return 0


def _codec(args: argparse.Namespace) -> Codec:
    """The codec that is asked for, or that of the output's suffix. Raises OptionError."""
    name = args.codec or _BY_SUFFIX.get(Path(args.output).suffix.lower())
    if name is None:
        raise OptionError(f"{args.output}: the suffix must be one of {', '.join(_BY_SUFFIX)}, or give --codec")
    codec = CODECS[name]
    if Path(args.output).suffix.lower() != f".{codec.container}":
        raise OptionError(f"{args.output}: {name} goes into a file that ends in .{codec.container}")
    if not codec.alpha and not args.mask and args.background is None:
        raise OptionError(f"{name} holds no transparency: add --background COLOUR, or choose .mov or .webm")
    return codec


class _Copy:
    """From one container to another: frames by way of the network, sound as it is."""

    def __init__(self, name: str, source: Any, target: Any, codec: Codec) -> None:
        if not source.streams.video:
            raise ImageError(f"{name}: holds no video")
        self._name, self._source, self._target = name, source, target
        self._video = source.streams.video[0]
        self._video.thread_type = "AUTO"
        self._codec = codec
        self._sound = {each.index: Sound(each, target, codec.container) for each in source.streams.audio}
        self._encoder: Any = None
        self._early: list[Any] = []  # packets of sound before the first frame, which tells the size of the video
        self._times: list[int | None] = []  # of the frames under way, in order

    def run(self, cutter: Frames) -> None:
        bar = _bar(self._video.frames)
        for result in cutter.cut(self._frames()):
            self._write(result)
            if bar is not None:
                bar.update()
        if bar is not None:
            bar.close()
        if self._encoder is None:
            raise ImageError(f"{self._name}: holds no frame")
        self._target.mux(self._encoder.encode(None))
        for sound in self._sound.values():
            self._target.mux(list(sound.end()))

    def _frames(self) -> Iterator[NDArray[np.uint8]]:
        """RGB, upright; sound goes to the target on the way."""
        for packet in self._source.demux(self._video, *(self._source.streams[index] for index in self._sound)):
            sound = self._sound.get(packet.stream.index)
            if sound is not None:
                self._early += sound.packets(packet)
                self._mux_sound()
                continue
            for frame in packet.decode():
                self._times.append(frame.pts)
                turns = round(getattr(frame, "rotation", 0) / 90) % 4
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))

    def _mux_sound(self) -> None:
        if self._encoder is not None:
            for packet in self._early:
                self._target.mux(packet)
            self._early.clear()

    def _write(self, result: NDArray[np.uint8]) -> None:
        import av

        if self._encoder is None:
            self._encoder = self._made_encoder(result.shape[1], result.shape[0])
            self._mux_sound()
        layout = "gray" if result.ndim == 2 else ("rgba" if result.shape[2] == 4 else "rgb24")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(result), format=layout)
        frame.pts, frame.time_base = self._times.pop(0), self._video.time_base
        self._target.mux(self._encoder.encode(frame))

    def _made_encoder(self, width: int, height: int) -> Any:
        codec = self._codec
        if codec.pixels.endswith("420p") and (width % 2 or height % 2):
            raise OptionError(f"{codec.encoder} wants even sides, and the video has {width} x {height}: choose .mov")
        try:
            encoder = self._target.add_stream(codec.encoder, rate=self._video.average_rate, options=codec.options)
        except ValueError as exc:
            raise OptionError(f"this FFmpeg has no encoder {codec.encoder}: choose another --codec") from exc
        encoder.width, encoder.height, encoder.pix_fmt = width, height, codec.pixels
        encoder.time_base = encoder.codec_context.time_base = self._video.time_base
        return encoder


def _bar(total: int) -> Any:
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total or None, unit="frame", file=sys.stderr)
