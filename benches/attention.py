"""Attention in windows, rmbg-fast's operator against ONNX Runtime on the chain as exporters spell it out.

    python benches/attention.py [--quick] [--save MACHINE]

Shapes of the four stages of Swin-T (BiRefNet lite) and Swin-L (RMBG-2.0) at 1024 x 1024, shifted, random values, one
thread. Both take queries, keys and values that are there already, so that the linear layers count for neither. First
both are compared with the definition in float64.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import recording
from timing import in_turns, processor_timed

from rmbg_fast import _core, _testing
from rmbg_fast.reference.attention import window_attention

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.attention_graphs import Case, scores_alone

STAGES = {
    "Swin-T": [Case(256 >> n, 256 >> n, 7, 3, 3 << n, 32) for n in range(4)],
    "Swin-L": [Case(256 >> n, 256 >> n, 12, 6, 6 << n, 32) for n in range(4)],
}


def main() -> None:
    asked = recording.parser(__doc__).parse_args()
    run = recording.Run("attention", quick=asked.quick)
    for name, cases in STAGES.items():
        rows = [row(case, 3 if asked.quick else 7) for case in (cases[2:] if asked.quick else cases)]
        run.show(f"speed {name}", rows)
    run.save(asked.save)


def row(case: Case, rounds: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    tokens, places = case.height * case.width, case.window**2
    qkv = random.standard_normal((1, tokens, 3 * case.channels), np.float32)
    qkv_bias = random.standard_normal(3 * case.channels, np.float32)
    model = scores_alone(case, qkv_bias)
    bias = next(t for t in map(_array, model.graph.initializer) if t.ndim == 4 and t.shape[2] == t.shape[3])[0]
    blocked = np.pad(bias, ((0, 0), (0, 0), (0, -places % 16)), constant_values=-np.inf)
    scale = case.depth**-0.5
    plan = [1, case.height, case.width, case.window, case.shift, case.heads, case.depth]
    plan += [struct.unpack("<q", struct.pack("<d", value))[0] for value in (scale, case.mask)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def ours() -> Any:
        return _testing.attend(plan, blocked, qkv, qkv_bias, _core.network_tier(), 1)

    def theirs() -> Any:
        return session.run(None, {"x": qkv})[0]

    wanted = window_attention(
        qkv, qkv_bias, bias, size=(case.height, case.width), window=case.window, shift=case.shift, scale=scale,
        mask=case.mask,
    )  # fmt: skip
    for result in (ours(), theirs()):
        assert np.abs(result - wanted).max() < 1e-4

    taken = in_turns({"theirs": processor_timed(theirs), "ours": processor_timed(ours)}, rounds)
    both = {who: float(np.median(times)) for who, times in taken.items()}
    padded = case.count * case.window**2
    work = 4e-6 * padded * places * case.channels  # of both products, in millions, two a multiply-add
    return {
        "map": f"{case.height} x {case.width}",
        "channels": case.channels,
        "window": case.window,
        "ONNX Runtime, processor ms": both["theirs"],
        "rmbg-fast, processor ms": both["ours"],
        "times as fast": both["theirs"] / both["ours"],
        "GFLOP/s": work / both["ours"],
    }


def _array(tensor: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


if __name__ == "__main__":
    main()
