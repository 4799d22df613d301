"""The steps of the network that BiRefNet's decoder is made of, one thread, beside the NumPy reference and ONNX Runtime.

Equality first: the same result as the reference, then the time. A map of 64 channels, 64 x 64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rmbg_fast import _core
from rmbg_fast._graphs import graph_index
from rmbg_fast._graphs.network_plan import Compiler
from rmbg_fast._graphs.weights import Packed
from rmbg_fast.reference import network as reference

onnxruntime = pytest.importorskip("onnxruntime")
BareNetwork = pytest.importorskip("rmbg_fast._testing").BareNetwork
Array = NDArray[Any]
SIDE, DEPTH = 64, 64
WHO = pytest.mark.parametrize("who", ["rmbg_fast", "reference", "onnxruntime"])


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def calls(nodes: list[Any], weights: dict[str, Array], feeds: dict[str, Array]) -> dict[str, Callable[[], Array]]:
    """The nodes by our own network and by ONNX Runtime; the last one makes `y`."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "steps", inputs, [output], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    packed: list[Packed] = []
    region = Compiler(graph_index.of(made), list(range(len(nodes))), packed).compile()
    flat = np.concatenate([part.values() for part in packed]) if packed else np.zeros(1, np.float32)
    own = BareNetwork(region.plan, flat, _core.network_tier(), 1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ordered = [feeds[name] for name in region.inputs]
    return {"rmbg_fast": lambda: own.run(ordered)[0], "onnxruntime": lambda: session.run(None, feeds)[0]}


def compare(benchmark: Any, who: str, all_calls: dict[str, Callable[[], Array]], tolerance: float) -> None:
    wanted = all_calls["reference"]()
    apart = np.abs(all_calls["rmbg_fast"]() - wanted).max()
    assert apart <= tolerance * np.abs(wanted).max()
    benchmark(all_calls[who])


@WHO
@pytest.mark.parametrize("side", [1, 3, 7])
@pytest.mark.benchmark(group="deformable")
def test_deformable(benchmark: Any, who: str, side: int) -> None:
    taps, pads = side * side, (side // 2,) * 4
    feeds = {"x": random(1, DEPTH, SIDE, SIDE), "o": random(1, 2 * taps, SIDE, SIDE, seed=1),
             "m": random(1, taps, SIDE, SIDE, seed=2)}  # fmt: skip
    weights = {"w": random(256, DEPTH, side, side) / np.float32(8 * side), "b": random(256)}
    node = helper.make_node("DeformConv", ["x", "w", "o", "b", "m"], ["y"], kernel_shape=[side, side], pads=pads)
    made = calls([node], weights, feeds)
    made["reference"] = lambda: reference.deformable_convolution(
        feeds["x"], weights["w"], feeds["o"], weights["b"], feeds["m"], pads=pads
    )
    compare(benchmark, who, made, 2e-5)


@WHO
@pytest.mark.benchmark(group="deformable with its end")
def test_deformable_with_an_end(benchmark: Any, who: str) -> None:
    """256 channels of 3x3, their ReLU, and 64 of those: the 256 are never made."""
    feeds = {"x": random(1, DEPTH, SIDE, SIDE), "o": random(1, 18, SIDE, SIDE, seed=1)}
    weights = {"w": random(256, DEPTH, 3, 3) / 24, "b": random(256), "e": random(64, 256, 1, 1) / 16}
    nodes = [
        helper.make_node("DeformConv", ["x", "w", "o", "b"], ["d"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("Conv", ["r", "e"], ["y"]),
    ]
    made = calls(nodes, weights, feeds)

    def by_reference() -> Array:
        sums = reference.deformable_convolution(feeds["x"], weights["w"], feeds["o"], weights["b"], pads=(1, 1, 1, 1))
        return reference.convolution(np.maximum(sums, 0), weights["e"])

    compare(benchmark, who, {**made, "reference": by_reference}, 2e-5)


@WHO
@pytest.mark.benchmark(group="7x7")
def test_7x7(benchmark: Any, who: str) -> None:
    feeds, weights = {"x": random(1, DEPTH, SIDE, SIDE)}, {"w": random(98, DEPTH, 7, 7) / 56}
    made = calls([helper.make_node("Conv", ["x", "w"], ["y"], pads=[3] * 4)], weights, feeds)
    made["reference"] = lambda: reference.winograd_7x7(feeds["x"], weights["w"])
    compare(benchmark, who, made, 5e-5)


@WHO
@pytest.mark.benchmark(group="gate")
def test_gate(benchmark: Any, who: str) -> None:
    feeds = {"x": random(1, DEPTH, SIDE, SIDE), "g": random(1, 1, SIDE, SIDE)}
    made = calls([helper.make_node("Mul", ["x", "g"], ["y"])], {}, feeds)
    made["reference"] = lambda: reference.gate(feeds["x"], feeds["g"])
    compare(benchmark, who, made, 0)
