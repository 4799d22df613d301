"""A small network with random weights, a row for it and photos: what optimizing and quantizing are tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image

from rmbg_fast import ModelSpec

SIZE = 32
CONVOLUTIONS = ["stem", "down", "deep", "up", "head"]


def network(*, opset: int = 15, seed: int = 1) -> ModelProto:
    """Float32 x, 1 x 3 x 32 x 32 -> y, 1 x 1 x 32 x 32 in 0..1, and a second output that nothing needs."""
    random = np.random.default_rng(seed)
    nodes: list[Any] = []
    weights: list[Any] = []

    def add(kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"{name}.out"], name=name, **attributes))
        return f"{name}.out"

    def constant(name: str, value: NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    def convolution(name: str, image: str, before: int, after: int) -> str:
        values = random.normal(0, np.sqrt(2 / (9 * before)), (after, before, 3, 3)).astype(np.float32)
        bias = random.normal(0, 0.1, after).astype(np.float32)
        inputs = constant(f"{name}.w", values), constant(f"{name}.b", bias)
        return add("Conv", name, image, *inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def relu(name: str) -> str:
        return add("Relu", f"{name}.relu", name)

    stem = relu(convolution("stem", "x", 3, 16))
    down = relu(convolution("down", add("MaxPool", "pool", stem, kernel_shape=[2, 2], strides=[2, 2]), 16, 16))
    deep = add("Add", "residual", relu(convolution("deep", down, 16, 16)), down)
    scales = constant("scales", np.array([1, 1, 2, 2], np.float32))
    region = constant("region", np.zeros(0, np.float32)) if opset < 13 else ""
    wide = add("Resize", "resize", deep, region, scales, mode="linear", coordinate_transformation_mode="half_pixel")
    up = relu(convolution("up", add("Concat", "concat", wide, stem, axis=1), 32, 16))
    head = convolution("head", up, 16, 1)
    nodes.append(helper.make_node("Sigmoid", [head], ["y"], name="sigmoid"))
    nodes.append(helper.make_node("Neg", [down], ["other"], name="unused"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (
            ("x", [1, 3, SIZE, SIZE]),
            ("y", [1, 1, SIZE, SIZE]),
            ("other", [1, 16, SIZE // 2, SIZE // 2]),
        )
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(folder: Path, model: ModelProto | None = None) -> ModelSpec:
    """The row of the network, saved as `folder`/small.onnx with small.toml beside it."""
    path = folder / "small.onnx"
    onnx.save(network() if model is None else model, path)
    row = f'like = "isnet-general-use"\nsize = [{SIZE}, {SIZE}]\ninput = "x"\noutput = "y"\n'
    path.with_suffix(".toml").write_text(row, encoding="utf-8")
    return ModelSpec.for_file(path, like="isnet-general-use", size=(SIZE, SIZE), input="x", output="y")


def photos(folder: Path, count: int = 3) -> list[Path]:
    """Smooth coloured noise, as PNG files of several sizes."""
    random = np.random.default_rng(7)
    paths = []
    for index in range(count):
        few = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8))
        paths.append(folder / f"photo{index}.png")
        few.resize((40 + 7 * index, 36), Image.Resampling.BICUBIC).save(paths[-1])
    return paths
