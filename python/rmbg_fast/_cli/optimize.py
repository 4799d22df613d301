"""`rmbg-fast optimize`: what `prepare` does to a model, pass by pass, and the result as a plain ONNX file."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._images import reading
from ..errors import ModelError, OptionError
from . import jobs
from .options import threads_option

if TYPE_CHECKING:
    from onnx import ModelProto

    from .._graphs.prepare import PassResult
    from .._quantize.comparison import Mask
    from ..models import ModelSpec

_DESCRIPTION = (
    "Show what a session's preparation does to a model: after each pass the nodes and the size, how far its float32 "
    "masks are from the original's (in grey levels of 255) and the time of one inference."
)
_ROUNDS = 3
_SLOW = 2000  # milliseconds: one run of such a network is measured, not the median of more
_NOT_OURS = "none of ours: the graph or the CPU is not made for them, or RMBG_FAST_CONV=off"


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "optimize", help="show what a model is prepared to, pass by pass", description=_DESCRIPTION
    )
    parser.add_argument("model", metavar="NAME|FILE.onnx", help="a name of `rmbg-fast models list`, or a file")
    parser.add_argument(
        "--photo", action="append", default=[], metavar="FILE", help="compare the masks of this one; may be repeated"
    )
    parser.add_argument(
        "--output", metavar="FILE.onnx", help="write the result, without our own operator: any ONNX runtime takes it"
    )
    parser.add_argument(
        "--skeleton",
        metavar="FILE.onnx.xz",
        help="write the graph without its weights, for a bug report, and do nothing else",
    )
    threads_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.skeleton is not None:
        return _write_skeleton(args)
    return _show(args)


def _write_skeleton(args: argparse.Namespace) -> int:
    from .. import models
    from .._graphs import skeleton
    from .._storage import writing
    from ..models import onnx_file

    if args.photo or args.output is not None:
        raise OptionError("--skeleton writes the graph and nothing else: leave --photo and --output out")
    spec = models.get(args.model)
    target = Path(args.skeleton)
    source = models.ensure(spec)
    onnx_file.check_target(target, [source], skeleton.SUFFIX)
    content = skeleton.of(source)
    writing.write(target, content, to_the_disk=True)
    print(f"{target}: {len(content) / 1e3:.1f} kB: the graph, and of each weight its shape, mean and deviation")
    return 0


def _show(args: argparse.Namespace) -> int:
    from .. import _core, models
    from .._graphs import prepare
    from .._graphs.request import Request
    from .._images import sample
    from .._runtime import library, threads
    from ..models import onnx_file

    spec = models.get(args.model)
    count = threads.chosen(args.threads)
    photos = jobs.find(args.photo)
    target = None if args.output is None else Path(args.output)
    if target is not None:
        onnx_file.check_target(target, [*photos, *([spec.path] if spec.path else [])])
    pictures = [reading.read(photo).pixels for photo in photos] or [sample.picture()[0]]
    source = models.ensure(spec)
    if target is not None:
        onnx_file.check_target(target, [source])
    with tempfile.TemporaryDirectory() as folder:
        library.load()
        tier = _core.network_tier()
        request = Request(spec.output, network=bool(tier), deformable=bool(tier) and library.has_deform_conv())
        watcher = _Watcher(source, spec, pictures, count, Path(folder))
        model, steps = prepare.run(source, request, watcher.watch)
    if model is None:
        raise ModelError(f"{source}: is left as it is: {steps[0].skipped}")
    print("\n".join([*_head(source, model, count), "", watcher.table(steps), "", *watcher.recognised(model)]))
    del model
    if target is not None:
        plain, _ = prepare.run(source, Request(spec.output))
        assert plain is not None
        onnx_file.note_row(plain, spec)
        print(f"{target}: {onnx_file.write(plain, target) / 1e6:.1f} MB, for any runtime: without compile_network")
    return 0


def _head(source: Path, model: ModelProto, threads: int) -> list[str]:
    """Which file, and what ran it: a report is read by somebody who has neither."""
    from .._runtime.build_info import build_info
    from .._storage import digests

    info = build_info()
    runtime = f"ONNX Runtime {info['runtime']['version']}"
    tier = info["network_tier"] or "none"
    exporter = " ".join(filter(None, (model.producer_name, model.producer_version))) or "an exporter that gives no name"
    return [
        f"{source.name}: sha256 {digests.sha256(source)}, written by {exporter}",
        f"rmbg-fast {info['version']}, {runtime}, {info['platform']}, network tier {tier}, {threads} threads",
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"


class _Watcher:
    """Runs the model after each pass, and keeps what the table needs: nothing of the models themselves."""

    def __init__(self, source: Path, spec: ModelSpec, pictures: list[Any], threads: int, folder: Path) -> None:
        from .._graphs import deferred, recognised
        from .._quantize import comparison

        self._pictures = pictures
        self._trial = comparison.Trial(folder, spec, threads)
        self._notes: dict[str, str] = {}
        self._masks, milliseconds = self._measure(
            comparison.run_file(source, spec, threads=threads, output=spec.output)
        )
        self._cells = {"original": (_megabytes(source.stat().st_size), "-", "-", f"{milliseconds:.1f}")}
        with deferred.scope():
            self._before = recognised.operators(deferred.load(source))
        self._last = b""

    def watch(self, step: PassResult, model: ModelProto) -> None:
        from .._graphs import regions
        from .._quantize import comparison

        if step.name == "compile_network" and not any(node.op_type == regions.OPERATOR for node in model.graph.node):
            self._notes[step.name] = _NOT_OURS
        content = model.SerializeToString()
        digest = hashlib.sha256(content).digest()
        if digest == self._last:  # the pass found nothing to do
            self._cells[step.name] = next(reversed(self._cells.values()))
            return
        self._last = digest
        size = _megabytes(len(content))
        del content
        masks, milliseconds = self._measure(self._trial.run(model))
        apart = [comparison.difference(mask, first) for mask, first in zip(masks, self._masks, strict=True)]
        largest, mean = max(one.largest for one in apart), float(np.mean([one.mean for one in apart]))
        self._cells[step.name] = (size, f"{largest:.4f}", f"{mean:.6f}", f"{milliseconds:.1f}")

    def recognised(self, model: ModelProto) -> list[str]:
        from .._graphs import recognised

        return recognised.report(self._before, recognised.operators(model), model)

    def table(self, steps: list[PassResult]) -> str:
        rows = [("PASS", "NODES", "MB", "LARGEST", "MEAN", "MS", "LEFT OUT")]
        for step in steps:
            left_out = " ".join((step.skipped or self._notes.get(step.name, "")).split())
            rows.append((step.name, str(step.nodes), *self._cells[step.name], left_out))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if 0 < place < 6 else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )

    def _measure(self, run: Any) -> tuple[list[Mask], float]:
        """The masks, and the median time of a few more runs."""
        masks, first = zip(*(run(pixels) for pixels in self._pictures), strict=True)
        rounds = _ROUNDS if min(first) < _SLOW else 0
        return list(masks), float(np.median([run(self._pictures[0])[1] for _ in range(rounds)] or first))
