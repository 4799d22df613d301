"""`rmbg-fast quantize`: a smaller model, and a report that says whether it is worth having on this machine."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._images import reading
from ..errors import OptionError
from . import jobs
from .options import threads_option
from .streams import tell

if TYPE_CHECKING:
    from onnx import ModelProto

    from .._quantize.comparison import Run
    from ..models import ModelSpec

_DESCRIPTION = (
    "Quantize a model. int8 (for CPUs) measures the ranges of the activations on your PHOTOS and leaves in float what "
    "hurts the masks; fp16 (for GPUs) needs none. Then masks and times are compared with the float32 model's."
)

_PLAIN = "float32 in ONNX Runtime"


def add(commands: Any) -> None:
    parser = commands.add_parser("quantize", help="make a model of int8 or fp16, and compare", description=_DESCRIPTION)
    parser.add_argument("model", metavar="NAME|FILE.onnx", help="a name of `rmbg-fast models list`, or a file")
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="files or folders, right after the model: pictures of the kind that it will be used for",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="the file to write")
    parser.add_argument("--to", choices=("int8", "fp16"), default="int8", help="default: %(default)s")
    parser.add_argument(
        "--report", nargs="+", default=[], metavar="PHOTO", help="compare on these files or folders (default: PHOTOS)"
    )
    parser.add_argument("--goal", type=float, metavar="LEVELS", help="int8: mean mask difference that is good enough")
    parser.add_argument("--trials", type=int, metavar="N", help="int8: measure at most N networks to find what hurts")
    parser.add_argument(
        "--reduce-range", action="store_true", help="int8: weights of 7 bits, for x86 CPUs without VNNI"
    )
    threads_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from .. import models
    from .._quantize import quantize
    from .._runtime import threads
    from ..models import onnx_file

    spec = models.get(args.model)
    count = threads.chosen(args.threads)
    target = Path(args.output)
    effort = _effort(args)
    photos, judges = jobs.find(args.photos), jobs.find(args.report or args.photos)
    onnx_file.check_target(target, [*photos, *judges, *([spec.path] if spec.path else [])])
    for photo in dict.fromkeys([*photos, *judges]):
        reading.read(photo)  # a damaged one is found before the work, not after it
    source = models.ensure(spec)
    onnx_file.check_target(target, [source])
    if args.to == "int8":
        result = quantize.to_int8(
            spec, photos, threads=count, effort=effort, reduce_range=args.reduce_range, say=_progress
        )
        names, model = result.floating, result.model
        of = f"{len(names)} of {result.convolutions}, {result.share:.1%} of the multiplications"
        print(f"convolutions left in float: {of}: {', '.join(names)}")
    else:
        model = quantize.float16(quantize.load(spec))
    onnx_file.note_row(model, spec)
    size = onnx_file.write(model, target)
    print(f"{target}: {size / 1e6:.1f} MB; {source.name}: {source.stat().st_size / 1e6:.1f} MB")
    if judges:
        with tempfile.TemporaryDirectory() as folder:  # a session leaves prepared files beside its model
            _report(args.to, spec, model, judges, count, Path(folder))
        if not args.report and args.to == "int8":
            print("These are the photos that the ranges come from: compare on others with --report.")
    else:
        print("No photos, no comparison: name some to see masks and times.")
    return 0


def _effort(args: argparse.Namespace) -> Any:
    from .._quantize.quantize import Effort

    effort = Effort()
    if args.goal is not None:
        if not args.goal >= 0:
            raise OptionError(f"--goal must be 0 or more grey levels, not {args.goal}")
        effort = replace(effort, goal=args.goal)
    if args.trials is not None:
        if args.trials < 1:
            raise OptionError(f"--trials must be 1 or more, not {args.trials}")
        effort = replace(effort, trials=args.trials)
    return effort


def _report(kind: str, spec: ModelSpec, model: ModelProto, photos: list[Path], threads: int, folder: Path) -> None:
    """Print masks and times of the new model against those of the model that it was made from."""
    from .._quantize import comparison
    from ..session import Session

    path = folder / "quantized.onnx"
    path.write_bytes(model.SerializeToString())
    made = replace(spec, name=f"the {kind} model", files=(), path=path, output=0)
    device = _device(kind)
    runs = {_PLAIN: comparison.run_session(Session(spec, device=device, threads=threads, optimize=False))}
    ours = Session(spec, device=device, threads=threads)
    if ours.details["convolutions"]["replaced"]:
        runs["float32 with our convolutions"] = comparison.run_session(ours)
    replaced = list(runs)
    name = f"{kind} in ONNX Runtime"
    runs[name] = comparison.run_file(path, made, threads=threads, device=device)
    if kind == "int8":  # of float16 a Session makes float32
        name = "int8 in a Session"
        runs[name] = comparison.run_session(Session(made, device=device, threads=threads))
    print(_masks(runs[_PLAIN], runs[name], photos))
    taken = comparison.times(runs, reading.read(photos[0]).pixels)
    print(f"\nmilliseconds of the network, {device.upper()}, threads: {threads}, medians of interleaved runs:")
    for each, milliseconds in taken.items():
        print(f"{each:{max(map(len, taken))}}  {milliseconds:8.1f}  {taken[_PLAIN] / milliseconds:6.2f}")
    for line in comparison.verdict(name, taken[name], {other: taken[other] for other in replaced}):
        print(line)
    if kind == "fp16" and device == "cpu":
        print("fp16 is made for GPUs; there is none here that could be used.")


def _device(kind: str) -> str:
    """Where to compare: int8 is for CPUs, float16 for a GPU where there is one."""
    from .._runtime import gpu

    return gpu.first_there() if kind == "fp16" else "cpu"


def _masks(before: Run, after: Run, photos: list[Path]) -> str:
    from .._quantize import comparison

    width = max(len("all"), *(len(photo.name) for photo in photos))
    lines = ["\nmasks against float32 in ONNX Runtime, in grey levels of 255, and intersection over union at 0.5:"]
    lines.append(f"{'photo':{width}}  {'mean':>8}  {'largest':>8}  {'IoU':>7}")
    found = []
    for photo in photos:
        pixels = reading.read(photo).pixels
        one = comparison.difference(after(pixels)[0], before(pixels)[0])
        found.append((one.mean, one.largest, one.iou))
        lines.append(f"{photo.name:{width}}  {one.mean:8.3f}  {one.largest:8.1f}  {one.iou:7.4f}")
    mean, _, iou = np.mean(found, axis=0)
    lines.append(f"{'all':{width}}  {mean:8.3f}  {max(row[1] for row in found):8.1f}  {iou:7.4f}")
    return "\n".join(lines)


def _progress(line: str) -> None:
    tell(line)
