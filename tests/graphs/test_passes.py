"""Each pass on a tiny graph that holds what the pass is for, and all of them on the real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, helper

from rmbg_fast._graphs import onnx_graph, prepare
from rmbg_fast._graphs.request import Request
from rmbg_fast.errors import ModelError
from support.tiny_graphs import (
    F16,
    F32,
    HALF,
    IMAGE,
    SHAPE,
    after,
    branch,
    float16_model,
    model,
    node,
    ops,
    ran,
    resize_model,
    saved,
)


@pytest.mark.parametrize(("output", "op"), [("b", "Exp"), (1, "Exp"), (-1, "Exp"), (0, "Neg"), ("a", "Neg")])
def test_only_the_asked_output_and_what_it_needs_stay(tmp_path: Path, output: str | int, op: str):
    made = model(
        [node("Add", "x w", "s"), node("Neg", "s", "a"), node("Mul", "s v", "m"), node("Exp", "m", "b")],
        ["a", "b"],
        {"w": np.ones(1, np.float32), "v": np.ones(1, np.float32)},
    )
    ready = after(tmp_path, made, output)
    assert ops(ready)[-1] == op
    assert [value.name for value in ready.graph.output] == ["b" if op == "Exp" else "a"]
    assert {tensor.name for tensor in ready.graph.initializer} == ({"w", "v"} if op == "Exp" else {"w"})


def test_weights_listed_as_inputs_too_are_weights(tmp_path: Path):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones(1, np.float32)})
    made.ir_version = 3
    made.graph.input.append(helper.make_tensor_value_info("w", F32, [1]))
    ready = after(tmp_path, made)
    assert [value.name for value in ready.graph.input] == ["x"]


@pytest.mark.parametrize("output", ["mask", 1, -2])
def test_missing_output_names_those_that_are_there(tmp_path: Path, home: Path, output: str | int):
    path = saved(tmp_path, model([node("Neg", "x", "y")], ["y"]))
    with pytest.raises(ModelError, match=f"no output {output!r}; it has y"):
        prepare.prepare(path, output=output)
    assert list((home / "prepared").iterdir()) == []


def test_float16_becomes_float32_and_its_casts_go(tmp_path: Path):
    made = float16_model()
    ready = after(tmp_path, made)
    assert "Cast" not in ops(ready)
    assert not any(tensor.data_type == F16 for tensor in onnx_graph.tensors(ready))
    assert str(F16) not in {str(v.type.tensor_type.elem_type) for v in (*ready.graph.input, *ready.graph.output)}
    inner = ready.graph.node[-1].attribute[0].g
    assert inner.output[0].type.tensor_type.elem_type == F32
    assert [value.name for value in ready.graph.output] == ["y"]
    np.testing.assert_allclose(ran(ready), ran(made), atol=1e-3)


def test_float16_inputs_and_outputs_are_widened(tmp_path: Path):
    ready = after(tmp_path, model([node("Add", "x w", "y")], ["y"], {"w": HALF}, kind=F16))
    assert ready.graph.input[0].type.tensor_type.elem_type == F32
    assert ready.graph.output[0].type.tensor_type.elem_type == F32
    np.testing.assert_array_equal(ran(ready), IMAGE + np.float32(0.5))


def test_without_widen_float16_stays(tmp_path: Path):
    ready = after(tmp_path, float16_model(), widen=False)
    assert ops(ready).count("Cast") == 2
    assert ready.graph.initializer[0].data_type == F16


def test_constants_fold_through_shapes(tmp_path: Path):
    made = resize_model()
    ready = after(tmp_path, made)
    assert ops(ready) == ["Relu", "Resize", "Add"]
    assert {tensor.name for tensor in ready.graph.initializer} == {"sizes", "zeros"}
    np.testing.assert_array_equal(ran(ready), ran(made))


@pytest.mark.parametrize("opset", [7, 11, 12])
def test_constants_fold_by_the_rules_of_the_graph_s_opset(tmp_path: Path, opset: int):
    """Until 13 the axes are an attribute: an evaluator that knows the newest operators alone finds none."""
    line = [node("Unsqueeze", "four", "row", axes=[0, 1]), node("Squeeze", "row", "line", axes=[0])]
    four = {"four": np.array([1, 2, 3, 4], np.float32)}
    made = model([*line, node("Add", "x line", "y")], ["y"], four, opset=opset)
    ready = after(tmp_path, made)
    assert ops(ready) == ["Add"]
    np.testing.assert_array_equal(ran(ready), IMAGE + np.float32([1, 2, 3, 4]))


def test_unknown_shapes_are_not_folded(tmp_path: Path):
    made = resize_model(shape=[1, 2, "h", "w"])
    ready = after(tmp_path, made)
    assert ops(ready).count("Shape") == 2
    np.testing.assert_array_equal(ran(ready), ran(made))


def test_shape_with_start_and_end(tmp_path: Path):
    nodes = [node("Shape", "x", "s", start=-3, end=-1), node("Cast", "s", "f", to=F32), node("ReduceMax", "f", "m"),
             node("Add", "x m", "y")]  # fmt: skip
    ready = after(tmp_path, model(nodes, ["y"]))
    assert ops(ready) == ["Add"]
    np.testing.assert_array_equal(ran(ready), IMAGE + 4)


@pytest.mark.parametrize(
    "constant",
    [
        node("RandomNormal", "", "c", shape=[1]),
        node("ConstantOfShape", "large", "c"),
        node("DequantizeLinear", "q scale", "c"),
    ],
    ids=lambda made: made.op_type,
)
def test_what_is_random_large_or_quantized_stays(tmp_path: Path, constant: NodeProto):
    weights = {"large": np.array([1 << 20, 2, 4, 4]), "q": np.ones(1, np.int8), "scale": np.ones((), np.float32)}
    ready = after(tmp_path, model([constant, node("Add", "x c", "y")], ["y"], weights))
    assert ops(ready) == [constant.op_type, "Add"]


def test_constant_output_keeps_its_node(tmp_path: Path):
    ready = after(tmp_path, model([node("Neg", "w", "y")], ["y"], {"w": np.ones(SHAPE, np.float32)}))
    assert ops(ready) == ["Neg"]


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        ([node("Identity", "x", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Neg", "x", "i"), node("Identity", "i", "j"), node("Identity", "j", "y")], ["Neg"]),
        ([node("Dropout", "x", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Dropout", "x ratio no", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Dropout", "x ratio yes", "i"), node("Neg", "i", "y")], ["Dropout", "Neg"]),
        ([node("Cast", "x", "i", to=F32), node("Neg", "i", "y")], ["Neg"]),
        ([node("Cast", "x", "i", to=F16), node("Cast", "i", "y", to=F32)], ["Cast", "Cast"]),
        ([node("Identity", "x", "y")], ["Identity"]),
    ],
)
def test_noops_go_and_the_output_keeps_its_name(tmp_path: Path, nodes: list[NodeProto], left: list[str]):
    weights = {"ratio": np.array(0.0, np.float32), "no": np.array(False), "yes": np.array(True)}
    made = model(nodes, ["y"], weights)
    ready = after(tmp_path, made, widen=False)
    assert ops(ready) == left
    assert ready.graph.output[0].name == "y"
    np.testing.assert_allclose(ran(ready), ran(made), atol=1e-3)


def test_noop_read_inside_a_subgraph(tmp_path: Path):
    branches = {f"{name}_branch": branch(op, "i", name, F32) for op, name in (("Neg", "then"), ("Abs", "else"))}
    nodes = [
        node("Identity", "x", "i"),
        node("ReduceSum", "x", "total", keepdims=0),
        node("Greater", "total zero", "positive"),
        helper.make_node("If", ["positive"], ["y"], **branches),
    ]
    made = model(nodes, ["y"], {"zero": np.zeros((), np.float32)})
    ready = after(tmp_path, made)
    assert ops(ready) == ["ReduceSum", "Greater", "If"]
    np.testing.assert_array_equal(ran(ready), -IMAGE)


def test_nodes_out_of_order_are_sorted(tmp_path: Path):
    made = model([node("Neg", "e", "y"), node("Exp", "a", "e"), node("Abs", "x", "a")], ["y"])
    ready = after(tmp_path, made)
    assert ops(ready) == ["Abs", "Exp", "Neg"]


def broken(made: ModelProto, plan: Request) -> None:
    made.graph.node[0].input[0] = "nothing"


def failing(made: ModelProto, plan: Request) -> None:
    del made.graph.node[:]
    raise ValueError("cannot do it")


@pytest.mark.parametrize(("bad", "why"), [(broken, "nothing"), (failing, "cannot do it")])
def test_pass_that_fails_is_left_out_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any, why: str):
    monkeypatch.setattr(prepare, "PASSES", [prepare.PASSES[0], bad, *prepare.PASSES[1:]])
    path = saved(tmp_path, resize_model())
    with pytest.warns(RuntimeWarning, match=f"{bad.__name__} was left out: (.|\n)*{why}"):
        ready = prepare.prepare(path, output=0)
    assert ops(onnx.load(ready)) == ["Relu", "Resize", "Add"]


def test_graph_whose_outputs_cannot_be_pruned_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(made: ModelProto) -> None:
        raise ValueError("cannot sweep")

    monkeypatch.setattr(onnx_graph, "sweep", refuse)
    path = saved(tmp_path, resize_model())
    assert prepare.prepare(path, output=0) == path


def test_isnet_masks_are_those_of_the_original(isnet_path: Path):
    runtime = pytest.importorskip("onnxruntime")
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    photo = Image.fromarray(data.cat()).resize((1024, 1024))
    image = (np.asarray(photo, np.float32) / 255 - 0.5).transpose(2, 0, 1)[np.newaxis]
    ready = prepare.prepare(isnet_path, output=0)
    masks = [
        runtime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["output"], {"input": image})[0]
        for path in (isnet_path, ready)
    ]
    assert masks[0].max() > 0.9
    assert np.abs(masks[1] - masks[0]).max() < 1 / 255
    assert set(ops(onnx.load(ready))) == {"Add", "Concat", "Conv", "MaxPool", "Relu", "Resize", "Sigmoid"}
