"""Whole calls where the network costs next to nothing, so that everything else shows: rmbg-fast beside rembg.

    python benches/end_to_end.py [--quick] [--save MACHINE]

JPEG bytes to PNG bytes, with Pillow's decoder and with simplejpeg (the extra `turbo`), and arrays to arrays, with a
fresh result and with `out=`, beside a copy of as many bytes as these have to read and to write. Both programs run the
same graph, the mean of the channels, in one process and in turns.
The results are compared first: premultiplied as rembg's, they may be a level apart.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import recording
from onnx import TensorProto, helper
from PIL import Image
from recording import installed
from tables import picture
from timing import floor, in_turns, timed
from whole_calls import photo

from rmbg_fast import ModelSpec, Session
from rmbg_fast._images import turbo
from rmbg_fast._runtime import threads

SIZES = [(1080, 1920), (3000, 4000)]
SIDE = 320
Row = dict[str, Any]


def main() -> None:
    parser = recording.parser(__doc__)
    args = parser.parse_args()
    run = recording.Run("end_to_end", quick=args.quick)
    count = min(2, threads.available())
    with tempfile.TemporaryDirectory() as folder:
        spec = free_model(Path(folder))
        session = Session(spec, device="cpu", threads=count)
        rembg = rembg_of(Path(folder), count) if installed("rembg") else None
        for size in [(240, 320)] if args.quick else SIZES:
            jpeg = photo(size)
            rounds = 1 if args.quick else 5
            run.show(f"JPEG bytes to PNG bytes, {picture(size)}", rows(files(session, rembg, jpeg), rounds))
            run.show(f"array to array, {picture(size)}", rows(arrays(session, rembg, jpeg, count), rounds))
    run.save(args.save)


def free_model(folder: Path) -> ModelSpec:
    """The mean of the channels, called as a model of rembg's is."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Sigmoid", ["mean"], ["output"]),
        ],
        "mean",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
    )
    path = folder / "u2netp.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return ModelSpec.for_file(path, like="u2netp", input=0, output=0)


def rembg_of(folder: Path, count: int) -> Callable[[Any], Any]:
    import onnxruntime
    import rembg

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count
    options.inter_op_num_threads = 1
    with patch.dict(os.environ, U2NET_HOME=str(folder), MODEL_CHECKSUM_DISABLED="1"):
        session = rembg.new_session("u2netp", options, providers=["CPUExecutionProvider"])
    return partial(rembg.remove, session=session)


def files(session: Session, rembg: Callable[[Any], Any] | None, jpeg: bytes) -> dict[str, Callable[[], Any]]:
    def without_turbo() -> bytes:
        with patch.object(turbo, "_library", lambda: None):
            return session.remove(jpeg)

    ways: dict[str, Callable[[], Any]] = {"rembg": partial(rembg, jpeg)} if rembg else {}
    ways["rmbg-fast"] = without_turbo
    if installed("simplejpeg"):
        ways["rmbg-fast, turbo"] = partial(session.remove, jpeg)
    pixels = [np.asarray(Image.open(io.BytesIO(way()))) for name, way in ways.items() if name != "rembg"]
    assert all((other == pixels[0]).all() for other in pixels), "simplejpeg's pixels are others"
    return ways


def arrays(
    session: Session, rembg: Callable[[Any], Any] | None, jpeg: bytes, count: int
) -> dict[str, Callable[[], Any]]:
    array = np.asarray(Image.open(io.BytesIO(jpeg)))
    out = np.empty((*array.shape[:2], 4), np.uint8)
    ways: dict[str, Callable[[], Any]] = {"rembg": partial(rembg, array)} if rembg else {}
    if rembg:
        apart = np.abs(session.remove(array, alpha="premultiplied").astype(int) - rembg(array))
        assert apart.mean() < 3, f"the results are {apart.mean()} levels apart"
    return {
        **ways,
        "rmbg-fast": partial(session.remove, array),
        "rmbg-fast, out=": partial(session.remove, array, out=out),
        "the copy": floor([array], out, count),
    }


def rows(ways: dict[str, Callable[[], Any]], rounds: int) -> list[Row]:
    taken = in_turns({name: partial(timed, way) for name, way in ways.items()}, rounds)
    medians = {name: float(np.median(seconds)) * 1e3 for name, seconds in taken.items()}
    first = medians.get("rembg")
    return [{"by": name, "ms": ms, "times as fast as rembg": first and first / ms} for name, ms in medians.items()]


if __name__ == "__main__":
    main()
