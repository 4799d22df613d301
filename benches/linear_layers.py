"""Linear layers of tokens, rmbg-fast's operator against ONNX Runtime on the chain as exporters spell it out.

    python benches/linear_layers.py [--quick] [--tier NAME] [--save MACHINE]

The layers of a block in the four stages of Swin-T (BiRefNet lite) and Swin-L (RMBG-2.0) at 1024 x 1024: LayerNorm with
queries, keys and values; the projection with its residual; LayerNorm, two layers with GELU, residual. Random values,
one thread, processor time. First both are compared with the definition in float64 on a few tokens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import recording
from onnx import numpy_helper
from timing import in_turns, processor_timed

from rmbg_fast import _core, _testing
from rmbg_fast._graphs.graph_index import attributes_of
from rmbg_fast._graphs.prepare import run as passes
from rmbg_fast._graphs.request import Request
from rmbg_fast.reference.linear_layers import linear_layers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.linear_graphs import Block, export
from support.network_graphs import saved

STAGES = {
    name: [((256 >> n) ** 2, channels << n) for n in range(4)]
    for name, channels in {"Swin-T": 96, "Swin-L": 192}.items()
}


def blocks(tokens: int, channels: int) -> dict[str, Block]:
    shape = (1, tokens)
    return {
        "queries, keys, values": Block(shape, channels, 0, 3 * channels, residual=False, biased=False),
        "projection": Block(shape, channels, 0, channels, norm=False),
        "with GELU": Block(shape, channels, 4 * channels, channels),
    }


def main() -> None:
    options = recording.parser(__doc__)
    options.add_argument("--tier", default=_core.network_tier())
    asked = options.parse_args()
    run = recording.Run("linear_layers", quick=asked.quick)
    for name, stages in STAGES.items():
        rows = [
            row(kind, block, asked.tier, 3 if asked.quick else 7)
            for tokens, channels in (stages[2:3] if asked.quick else stages)
            for kind, block in blocks(tokens, channels).items()
        ]
        run.show(f"speed {name}", rows)
    run.save(asked.save)


def row(kind: str, block: Block, tier: str, rounds: int) -> dict[str, Any]:
    import tempfile

    model = export(block)
    with tempfile.TemporaryDirectory() as folder:
        made, _ = passes(saved(Path(folder), model), Request("y", network=True))
    assert made is not None
    (node,) = made.graph.node
    plan, weights = attributes_of(node)["plan"], numpy_helper.to_array(made.graph.initializer[0])
    feeds = block.feeds()
    x = feeds["x"]
    residual = x if block.residual else None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def ours() -> Any:
        return _testing.linear_layers(plan, weights, x, residual, tier, 1)

    def theirs() -> Any:
        return session.run(None, feeds)[0]

    few = np.s_[:, :64]
    wanted = definition(block, model, x[few])
    for result in (ours(), theirs()):
        assert np.abs(result[few] - wanted).max() < 1e-4

    taken = in_turns({"theirs": processor_timed(theirs), "ours": processor_timed(ours)}, rounds)
    both = {who: float(np.median(times)) for who, times in taken.items()}
    products = block.inputs * (block.hidden or block.outputs) + block.hidden * block.outputs
    work = 2e-6 * block.tokens[1] * products
    return {
        "layers": kind,
        "tokens": block.tokens[1],
        "channels": block.inputs,
        "ONNX Runtime, processor ms": both["theirs"],
        "rmbg-fast, processor ms": both["ours"],
        "times as fast": both["theirs"] / both["ours"],
        "ONNX Runtime, GFLOP/s": work / both["theirs"],
        "rmbg-fast, GFLOP/s": work / both["ours"],
    }


def definition(block: Block, model: Any, x: Any) -> Any:
    """By the reference; the constants of the graph come in the order of their use."""
    values = [numpy_helper.to_array(each) for each in model.graph.initializer]
    norm = (values[0], values[1], 1e-5) if block.norm else None
    matrices = [each for each in values if each.ndim == 2]
    biases = [each for each in values[2 * block.norm :] if each.ndim == 1]
    if not block.biased:
        biases = [np.zeros(each.shape[1], np.float32) for each in matrices]
    return linear_layers(x, list(zip(matrices, biases, strict=True)), norm=norm, residual=x if block.residual else None)


if __name__ == "__main__":
    main()
