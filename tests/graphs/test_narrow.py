"""float32 graphs made float16 for a GPU: what is narrowed, what is not, and that the graph still says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rmbg_fast._graphs import onnx_graph, prepare
from rmbg_fast._graphs.request import Request
from support.small_network import network


def narrowed(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    onnx.save(model, path)
    made, steps = prepare.run(path, Request(0, widen=False, narrow=True))
    assert made is not None
    assert not [step for step in steps if step.skipped]
    return made


def result(model: onnx.ModelProto, image: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    values: NDArray[np.float32] = session.run([model.graph.output[0].name], {"x": image})[0]
    return values


def test_the_middle_is_narrow_and_the_ends_are_not(tmp_path: Path) -> None:
    model = network()
    made = narrowed(tmp_path / "model.onnx", model)
    types = onnx_graph.types(made)
    kinds = {node.name: types[node.output[0]].elem_type for node in made.graph.node if node.op_type == "Conv"}
    assert kinds["stem"] == TensorProto.FLOAT
    assert kinds["head"] == TensorProto.FLOAT
    assert kinds["down"] == kinds["deep"] == kinds["up"] == TensorProto.FLOAT16
    for node in made.graph.node:
        if node.op_type in ("Sigmoid", "Resize", "Softmax"):
            assert types[node.output[0]].elem_type == TensorProto.FLOAT
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT16
    assert made.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    image = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    wanted, got = result(model, image), result(made, image.astype(np.float16))
    assert 0 < np.abs(wanted - got).max() < 2e-3


def test_a_graph_with_float16_is_left_alone(tmp_path: Path) -> None:
    once = narrowed(tmp_path / "once.onnx", network())
    twice = narrowed(tmp_path / "twice.onnx", once)
    assert [node.op_type for node in twice.graph.node] == [node.op_type for node in once.graph.node]


def test_a_port_that_is_halved_at_once_is_halved_before(tmp_path: Path) -> None:
    """As in published float16 files: the bits stay."""
    published = narrowed(tmp_path / "once.onnx", network())
    for node in published.graph.node:
        node.input[:] = ["half" if name == "x" else name for name in node.input]
    published.graph.node.insert(0, helper.make_node("Cast", ["x"], ["half"], name="half", to=TensorProto.FLOAT16))
    published.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    made = narrowed(tmp_path / "published.onnx", published)
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT16
    assert len(made.graph.node) <= len(published.graph.node)
    image = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    np.testing.assert_array_equal(result(made, image.astype(np.float16)), result(published, image))


def test_a_graph_without_float16_keeps_its_port(tmp_path: Path) -> None:
    relu = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "nothing to gain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])],
    )
    model = helper.make_model(relu, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    made = narrowed(tmp_path / "model.onnx", model)
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_large_weights_stay_finite(tmp_path: Path) -> None:
    model = network()
    for tensor in model.graph.initializer:
        if tensor.name == "deep.w":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1e6), "deep.w"))
    made = narrowed(tmp_path / "model.onnx", model)
    halves = [t for t in made.graph.initializer if t.data_type == TensorProto.FLOAT16]
    assert halves
    assert all(np.isfinite(numpy_helper.to_array(tensor)).all() for tensor in halves)
