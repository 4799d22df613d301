"""Models of a few nodes: masks that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rmbg_fast import ModelSpec

SIZE = 32


def tiny(path: Path, nodes: list[onnx.NodeProto], *, shape: list[Any] | None = None) -> ModelSpec:
    """A model of a few nodes on `input` [1, 3, SIZE, SIZE] with the output `output`."""
    shape = shape or [1, 3, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return ModelSpec.for_file(path, like="isnet-general-use", size=(SIZE, SIZE))


def mean_of_channels() -> list[onnx.NodeProto]:
    return [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)]


def constant(value: float) -> list[onnx.NodeProto]:
    tensor = helper.make_tensor("v", TensorProto.FLOAT, [1], [value])
    return [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Shape", ["mean"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["output"], value=tensor),
    ]


def ramp(least: float, largest: float) -> list[onnx.NodeProto]:
    """A mask that rises from left to right, whatever the image."""
    row = np.linspace(least, largest, SIZE, dtype=np.float32)
    plane = numpy_helper.from_array(np.tile(row, (1, 1, SIZE, 1)), "plane")
    return [helper.make_node("Constant", [], ["output"], value=plane)]


def fails() -> list[onnx.NodeProto]:
    """A model that loads, and cannot give its mask the shape that it computes."""
    one = helper.make_tensor("one", TensorProto.INT64, [4], [0, 0, 1, 0])
    return [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Shape", ["mean"], ["shape"]),
        helper.make_node("Constant", [], ["one"], value=one),
        helper.make_node("Add", ["shape", "one"], ["wrong"]),
        helper.make_node("Reshape", ["mean", "wrong"], ["output"]),
    ]
