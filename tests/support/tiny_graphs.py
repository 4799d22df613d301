"""Graphs of a few nodes, and what the passes make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rmbg_fast._graphs import prepare
from rmbg_fast._graphs.prepare import run
from rmbg_fast._graphs.request import Request

F16, F32, I64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.INT64
SHAPE = [1, 2, 4, 4]
IMAGE = np.random.default_rng(3).random(SHAPE, np.float32)


def model(
    nodes: list[NodeProto],
    outputs: list[str],
    weights: dict[str, NDArray[Any]] | None = None,
    *,
    kind: int = F32,
    shape: list[Any] = SHAPE,
    opset: int = 15,
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, kind, list("abcd")) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "model.onnx"
    onnx.save(made, path)
    return path


def ran(made: ModelProto, image: NDArray[Any] = IMAGE) -> NDArray[Any]:
    return np.asarray(ReferenceEvaluator(made).run([made.graph.output[0].name], {"x": image})[0])


def after(folder: Path, made: ModelProto, output: str | int = 0, *, widen: bool = True) -> ModelProto:
    ready, steps = run(saved(folder, made), Request(output, widen))
    assert ready is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    assert [step.name for step in steps] == ["original", *(step.__name__ for step in prepare.PASSES)]
    onnx.checker.check_model(ready, full_check=True)
    return ready


def ops(made: ModelProto) -> list[str]:
    return [node.op_type for node in made.graph.node]


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def branch(op: str, read: str, name: str, kind: int) -> onnx.GraphProto:
    value = helper.make_tensor_value_info(name, kind, list("abcd"))
    return helper.make_graph([node(op, read, name)], name, [], [value])


HALF = np.array([0.5], np.float16)


def float16_model() -> ModelProto:
    """Casts in and out, float16 weights as initializer and Constant, a Cast target, a ConstantOfShape, a subgraph."""
    value = numpy_helper.from_array(np.array([0.25], np.float16))
    branches = {f"{name}_branch": branch(op, "c", name, F16) for op, name in (("Neg", "then"), ("Abs", "else"))}
    return model(
        [
            node("Cast", "x", "h", to=F16),
            node("Constant", "", "k", value=value),
            node("Add", "h w", "a"),
            node("Mul", "a k", "b"),
            node("ConstantOfShape", "dims", "o", value=value),
            node("Sub", "b o", "c"),
            node("ReduceSum", "x", "total", keepdims=0),
            node("Greater", "total zero", "positive"),
            helper.make_node("If", ["positive"], ["d"], **branches),
            node("Cast", "d", "y", to=F32),
        ],
        ["y"],
        {"w": HALF, "dims": np.array(SHAPE, np.int64), "zero": np.zeros((), np.float32)},
    )


def resize_model(**options: Any) -> ModelProto:
    """A size computed from a shape, as exporters write it."""
    return model(
        [
            node("Relu", "x", "r"),
            node("Shape", "r", "whole"),
            node("Constant", "", "from", value_ints=[2]),
            node("Constant", "", "to", value_ints=[4]),
            node("Slice", "whole from to", "area"),
            node("Mul", "area two", "large"),
            node("Slice", "whole zero from", "first"),
            node("Concat", "first large", "sizes", axis=0),
            helper.make_node("Resize", ["r", "", "", "sizes"], ["z"], mode="nearest"),
            node("Shape", "z", "after"),
            node("ConstantOfShape", "after", "zeros"),
            node("Add", "z zeros", "y"),
        ],
        ["y"],
        {"two": np.array([2, 2], np.int64), "zero": np.array([0], np.int64)},
        **options,
    )
