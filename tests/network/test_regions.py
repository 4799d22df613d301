"""Which parts of whole graphs become regions of ours and which stay, with the results of the graph as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from rmbg_fast._graphs import passes, prepare, regions
from rmbg_fast._graphs import prepared as prepared_files
from rmbg_fast._graphs.graph_index import attributes_of
from rmbg_fast._graphs.request import Request
from support.network_graphs import F16, F32, F64, SQUARE, conv, model, modnet, node, ops, random, resnet, saved, u2net
from support.network_runs import Compiled, assert_close, by_parts, by_reference, by_runtime, graph_of, prepared

WHOLE = ["Network", "Sigmoid"]
NETWORKS = {"u2net": (u2net, WHOLE), "resnet": (resnet, WHOLE), "modnet": (modnet, [])}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_what_the_runtime_gives(tmp_path: Path, name: str) -> None:
    build, left = NETWORKS[name]
    made = build()
    ready = prepared(tmp_path, made)
    assert ops(ready) == left or not left
    shape = [dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"input": random(*shape)}
    wanted = by_runtime(made, feeds)["output"]
    assert np.ptp(wanted) > 0.1
    assert_close(by_reference(ready, feeds)["output"], wanted)


def test_network_is_the_same_everywhere(tmp_path: Path) -> None:
    ready = prepared(tmp_path, u2net())
    (weights,) = (numpy_helper.to_array(tensor) for tensor in ready.graph.initializer if tensor.name == regions.WEIGHTS)
    (one,) = (one for one in ready.graph.node if one.op_type == "Network")
    made = Compiled(attributes_of(one)["plan"], weights, list(one.input[1:]), list(one.output))
    made.same_everywhere({"input": random(2, 3, 43, 38)})


def test_nodes_that_we_do_not_run_make_several_regions(tmp_path: Path) -> None:
    kinds = ops(prepared(tmp_path, modnet()))
    assert kinds.count("Network") >= 3
    assert {"InstanceNormalization", "Conv", "Mul"} < set(kinds)


@pytest.mark.parametrize(
    "made",
    [u2net(batch="n"), modnet(batch="n"), resnet(batch="n"), resnet(height="h", width="w", batch="n")],
    ids=["u2net", "modnet", "resnet", "resnet of any size"],
)
def test_any_batch(tmp_path: Path, made: ModelProto) -> None:
    ready = prepared(tmp_path, made)
    assert "Network" in ops(ready)
    _, _, height, width = (dim.dim_value or 41 for dim in made.graph.input[0].type.tensor_type.shape.dim)
    for batch in (1, 2):
        feeds = {"input": random(batch, 3, height, width)}
        assert_close(by_reference(ready, feeds)["output"], by_runtime(made, feeds)["output"])


def test_sizes_that_are_computed_split_no_region(tmp_path: Path) -> None:
    """With a batch of any size they stay a Shape, a Slice and a Concat, of which nothing is needed in the end."""
    assert ops(prepared(tmp_path, u2net(batch="n"))) == WHOLE


def test_batch_norms_are_folded(tmp_path: Path) -> None:
    assert "BatchNormalization" not in ops(prepared(tmp_path, resnet()))


# --- what is not taken ---

REFUSED: dict[str, tuple[list[NodeProto], dict[str, NDArray[Any]], dict[str, Any]]] = {
    "group": ([conv("x v", "y", group=4)], {"v": random(16, 4, 3, 3)}, {}),
    "1x1": ([conv("x v", "y", pads=[0] * 4)], {"v": random(16, 16, 1, 1)}, {}),
    "stride": ([conv("x w", "y", strides=[2, 2])], {}, {}),
    "few channels": ([conv("x v", "y")], {"v": random(4, 16, 3, 3)}, {}),
    "auto_pad": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER")], {}, {}),
    "float16": ([conv("x v", "y")], {"v": SQUARE["w"].astype(np.float16)}, {"kind": F16}),
    "double": ([conv("x v", "y")], {"v": SQUARE["w"].astype(np.float64)}, {"kind": F64}),
    "computed weights": ([node("Relu", "w", "v"), node("Neg", "x", "n"), node("Conv", "n x", "y")], {}, {}),
    "rank 3": ([node("Conv", "x v", "y")], {"v": random(16, 16, 3)}, {"shape": [1, 16, 12]}),
}
ODD_RESIZES: list[dict[str, Any]] = [
    {"mode": "cubic"},
    {"mode": "linear", "antialias": 1},
    {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
]


@pytest.mark.parametrize("name", REFUSED)
def test_graphs_that_stay_as_they_are(tmp_path: Path, name: str) -> None:
    nodes, weights, options = REFUSED[name]
    shape = options.pop("shape", [16, 16, 12, 12])
    made = model(nodes, {**({} if "v" in weights else SQUARE), **weights}, {"x": shape}, ["y"], **options)
    path = saved(tmp_path, made)
    left = [prepare.prepare(path, output=0, widen=False, network=own) for own in (False, True)]
    assert left[0] != left[1]
    assert onnx.load(left[0]).graph == onnx.load(left[1]).graph
    assert prepared_files.details(left[1])["convolutions"]["replaced"] == []
    assert len(prepared_files.details(left[1])["convolutions"]["left"]) == 1
    assert not left[1].with_suffix(".weights").exists()
    feeds = {"x": random(*shape).astype(helper.tensor_dtype_to_np_dtype(options.get("kind", F32)))}
    if options.get("kind") == F64:  # the runtime has no such convolution
        result, wanted = by_reference(onnx.load(left[1]), feeds)["y"], by_reference(made, feeds)["y"]
    else:
        result, wanted = by_runtime(left[1], feeds)["y"], by_runtime(made, feeds)["y"]
    assert np.array_equal(result, wanted)


def taken_but(between: list[NodeProto], weights: dict[str, NDArray[Any]]) -> ModelProto:
    """Convolutions that are taken before (`a`, also `a2`) and behind (`b`) what is not."""
    nodes = [conv("x w", "a"), conv("a w", "a2"), *between, conv("b w", "c"), node("Relu", "c", "y")]
    return model(nodes, {**SQUARE, **weights}, {"x": [1, 16, 12, 13]}, ["y"])


@pytest.mark.parametrize(
    ("between", "weights"),
    [
        *(([node("Resize", "a2 - - s", "b", **odd)], {"s": np.array([1, 16, 18, 20])}) for odd in ODD_RESIZES),
        ([node("MaxPool", "a2", "b", kernel_shape=[3, 3], auto_pad="SAME_UPPER")], {}),
        ([node("MaxPool", "a2", "b", kernel_shape=[3, 3], dilations=[2, 2])], {}),
        ([node("Add", "a2 s", "b")], {"s": random(1, 16, 1, 1)}),
        ([node("ReduceMean", "a2 axes", "m", keepdims=1), node("Add", "m a", "b")], {"axes": np.array([2, 3])}),
        ([node("Neg", "a2", "m"), node("Clip", "m low", "b")], {"low": np.array(-1, np.float32)}),
        ([node("Concat", "a a2", "m", axis=2), node("Neg", "m", "b")], {}),
    ],
    ids=["cubic", "antialias", "symmetric", "same", "dilated", "constant", "broadcast", "clip", "rows"],
)
def test_nodes_that_stay_between(tmp_path: Path, between: list[NodeProto], weights: dict[str, NDArray[Any]]) -> None:
    made = taken_but(between, weights)
    ready = prepared(tmp_path, made)
    assert [kind for kind in ops(ready) if kind != "Network"] == [one.op_type for one in between]
    assert ops(ready).count("Network") == 2
    feeds = {"x": random(1, 16, 12, 13)}
    assert_close(by_parts(ready, feeds), by_runtime(made, feeds)["y"])


def test_a_concatenation_that_others_read_stays(tmp_path: Path) -> None:
    weights = {**SQUARE, "v": random(16, 32, 3, 3) / 17}
    nodes = [conv("x w", "a"), conv("a w", "b"), node("Concat", "a b", "c", axis=1), conv("c v", "d"),
             node("ReduceMean", "c axes", "m", keepdims=1), node("Add", "d m", "y")]  # fmt: skip
    made = model(nodes, {**weights, "axes": np.array([1, 2, 3])}, {"x": [1, 16, 12, 13]}, ["y"])
    ready = prepared(tmp_path, made)
    assert "Concat" in ops(ready)
    assert "Network" in ops(ready)
    feeds = {"x": random(1, 16, 12, 13)}
    assert_close(by_reference(ready, feeds)["y"], by_runtime(made, feeds)["y"])


SHARED = [conv("x w", "a"), node("Relu", "a", "b"), conv("b w", "c"), node("Add", "c b", "d"), node("Relu", "d", "e"),
          node("Concat", "e b", "f", axis=1), conv("f v", "g"), conv("g o", "h"), conv("h u", "y")]  # fmt: skip


@pytest.mark.parametrize("also", [*"abcdefgh", "ab", "de", "ce", "abcdefgh"])
def test_values_between_that_are_outputs_too(also: str) -> None:
    weights = {**SQUARE, "v": random(16, 32, 3, 3) / 17, "o": random(2, 16, 3, 3) / 12, "u": random(16, 2, 3, 3) / 4}
    made = model(SHARED, weights, {"x": [2, 16, 12, 13]}, ["y", *also])
    feeds = {"x": random(2, 16, 12, 13)}
    wanted = by_runtime(made, feeds)
    passes.compile_network(made, Request(0, network=True))
    assert set(ops(made)) <= {"Network", "Relu"}  # a Relu stays where others see what was before it
    results = by_reference(made, feeds)
    for name, value in wanted.items():
        assert_close(results[name], value)


def test_a_value_under_two_names_is_left() -> None:
    """A Concat of one value is that value; both are outputs."""
    nodes = [conv("x v", "a"), node("Concat", "a", "b", axis=1)]
    made = model(nodes, {"v": random(16, 16, 3, 3)}, {"x": [1, 16, 9, 9]}, ["a", "b"])
    assert not regions._supported(graph_of(made), made.graph.node[1])


def test_value_read_inside_a_subgraph(tmp_path: Path) -> None:
    """`a` is read by a Relu and, out of sight, by the branches of an If."""

    def branch(op: str, name: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info(name, F32, [1, 16, 12, 13])
        return helper.make_graph([node(op, "a", name)], name, [], [value])

    choice = helper.make_node("If", ["yes"], ["d"], then_branch=branch("Neg", "t"), else_branch=branch("Abs", "f"))
    nodes = [conv("x w", "a"), node("Relu", "a", "b"), conv("b w", "c"), node("ReduceSum", "c", "sum", keepdims=0),
             node("Less", "sum large", "yes"), choice, node("Mul", "c d", "y")]  # fmt: skip
    made = model(nodes, {**SQUARE, "large": np.array(1e9, np.float32)}, {"x": [1, 16, 12, 13]}, ["y"])
    feeds = {"x": random(1, 16, 12, 13)}
    ready = prepared(tmp_path, made)
    assert "Network" in ops(ready)
    assert_close(by_reference(ready, feeds)["y"], by_runtime(made, feeds)["y"])


def test_inverted_limits_stay_the_runtime_s(tmp_path: Path) -> None:
    weights = {**SQUARE, "low": np.array(1, np.float32), "high": np.array(-1, np.float32)}
    made = model([conv("x w", "a"), node("Clip", "a low high", "y")], weights, {"x": [1, 16, 12, 12]}, ["y"])
    assert ops(prepared(tmp_path, made)) == ["Network", "Clip"]
