"""Graphs to test our own convolutions with: built node by node, layer by layer, and three small networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rmbg_fast import ModelSpec

Array = NDArray[np.float32]
F16, F32, F64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


SQUARE = {"w": random(16, 16, 3, 3) / 12}


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Names are separated by spaces; `-` is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def conv(inputs: str, output: str, **attributes: Any) -> NodeProto:
    return node("Conv", inputs, output, **{"pads": [1, 1, 1, 1], **attributes})


def model(
    nodes: list[NodeProto],
    weights: dict[str, NDArray[Any]],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    *,
    kind: int = F32,
    opset: int = 18,
) -> ModelProto:
    rank = len(next(iter(inputs.values())))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, [f"{name}{i}" for i in range(rank)]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


class Export:
    """Nodes and constants of a graph under way, as they come."""

    kind: Any = np.float32
    """Of constants of which nothing else is said."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, NDArray[Any]] = {}

    def constant(self, values: Any, kind: Any = None) -> str:
        name = f"c{len(self.weights)}"
        self.weights[name] = np.asarray(values, self.kind if kind is None else kind)
        return name

    def op(self, kind: str, inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, name, **attributes))
        return name


@dataclass
class Builder:
    """A graph that grows layer by layer, with random weights that keep values near 1."""

    nodes: list[NodeProto] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)

    def op(self, kind: str, inputs: str, channels: int, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, name, **attributes))
        self.channels[name] = channels
        return name

    def constant(self, array: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = array
        return name

    def conv(self, x: str, channels: int, size: int = 3, *, dilation: int = 1, stride: int = 1, group: int = 1) -> str:
        depth = self.channels[x] // group
        weights = random(channels, depth, size, size, seed=len(self.nodes)) * np.float32((2 / depth) ** 0.5 / size)
        bias = random(channels, seed=len(self.nodes)) * np.float32(0.1)
        names = f"{x} {self.constant(weights)} {self.constant(bias)}"
        pads = [dilation * (size // 2)] * 4
        strides, dilations = [stride] * 2, [dilation] * 2
        return self.op("Conv", names, channels, pads=pads, strides=strides, dilations=dilations, group=group)

    def norm(self, x: str) -> str:
        count = self.channels[x]
        scale, shift, mean = (random(count, seed=seed) * np.float32(0.1) for seed in (1, 2, 3))
        names = [self.constant(array) for array in (scale + 1, shift, mean, np.abs(mean) + 1)]
        return self.op("BatchNormalization", " ".join([x, *names]), count, epsilon=1e-3)

    def relu(self, x: str) -> str:
        return self.op("Relu", x, self.channels[x])

    def add(self, a: str, b: str) -> str:
        return self.op("Add", f"{a} {b}", self.channels[a])

    def concat(self, *names: str) -> str:
        return self.op("Concat", " ".join(names), sum(self.channels[name] for name in names), axis=1)

    def pool(self, x: str) -> str:
        return self.op("MaxPool", x, self.channels[x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def resize(self, x: str, height: int, width: int) -> str:
        """As exporters write it, for any batch."""
        begin, end = self.constant(np.array([0])), self.constant(np.array([2]))
        first = self.op("Slice", f"{self.op('Shape', x, 0)} {begin} {end}", 0)
        sizes = self.op("Concat", f"{first} {self.constant(np.array([height, width]))}", 0, axis=0)
        return self.op("Resize", f"{x} - - {sizes}", self.channels[x], mode="linear")

    def model(self, output: str, shape: list[Any], **options: Any) -> ModelProto:
        self.nodes[-1].output[0] = "output"
        return model(self.nodes, self.weights, {"input": shape}, ["output"], **options)


# --- whole networks ---


def rsu(b: Builder, x: str, channels: int, middle: int, sizes: list[tuple[int, int]]) -> str:
    """A block of U2-Net: down through ceil pools, up by bilinear resizes, a sum at the end."""
    first = b.relu(b.conv(x, channels))
    downs, y = [], first
    for number in range(len(sizes)):
        y = b.relu(b.conv(y if number == 0 else b.pool(y), middle))
        downs.append(y)
    y = b.relu(b.conv(y, middle, dilation=2))
    for number in reversed(range(len(sizes))):
        if number < len(sizes) - 1:
            y = b.resize(y, *sizes[number])
        y = b.relu(b.conv(b.concat(y, downs[number]), middle if number else channels))
    return b.add(y, first)


def halves(height: int, width: int, count: int) -> list[tuple[int, int]]:
    sizes = [(height, width)]
    for _ in range(count - 1):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def u2net(height: int = 43, width: int = 38, batch: Any = 1) -> ModelProto:
    b = Builder(channels={"input": 3})
    sizes = halves(height, width, 5)
    one = rsu(b, "input", 24, 12, sizes[:4])
    two = rsu(b, b.pool(one), 32, 16, sizes[1:4])
    three = rsu(b, b.pool(two), 40, 16, sizes[2:4])
    up = rsu(b, b.concat(b.resize(three, *sizes[1]), two), 32, 16, sizes[1:4])
    top = rsu(b, b.concat(b.resize(up, *sizes[0]), one), 24, 12, sizes[:4])
    sides = [b.conv(top, 1), b.resize(b.conv(up, 1), height, width), b.resize(b.conv(three, 1), height, width)]
    b.op("Sigmoid", b.conv(b.concat(*sides), 1, 1), 1)
    return b.model("output", [batch, 3, height, width])


def resnet(height: Any = 37, width: Any = 50, batch: Any = 1) -> ModelProto:
    b = Builder(channels={"input": 3})
    y = b.relu(b.norm(b.conv("input", 20, 7, stride=2)))
    y = b.op("MaxPool", y, 20, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for channels, stride in [(20, 1), (36, 2), (36, 1)]:
        short = y if stride == 1 else b.norm(b.conv(y, channels, 1, stride=stride))
        y = b.relu(b.norm(b.conv(y, channels, stride=stride)))
        y = b.relu(b.add(b.norm(b.conv(b.relu(b.norm(b.conv(y, channels))), channels)), short))
    b.op("Sigmoid", b.conv(y, 1, 1), 1)
    return b.model("output", [batch, 3, height, width])


def modnet(height: int = 48, width: int = 48, batch: Any = 1) -> ModelProto:
    """With nodes that stay the runtime's between: each stage of convolutions is a region of its own."""
    b = Builder(channels={"input": 3})
    limits = " ".join(b.constant(np.array(limit, np.float32)) for limit in (0, 6))
    low = b.op("Clip", f"{b.conv('input', 16)} {limits}", 16)
    y = b.conv(b.pool(b.relu(b.conv(low, 24))), 24)
    ones, zeros = b.constant(np.ones(24, np.float32)), b.constant(np.zeros(24, np.float32))
    y = b.op("InstanceNormalization", f"{y} {ones} {zeros}", 24)
    y = b.conv(b.relu(b.conv(y, 24)), 24)
    y = b.relu(b.conv(y, 24, group=24))
    y = b.relu(b.conv(y, 32))
    weighed = b.op("Sigmoid", b.conv(b.op("GlobalAveragePool", y, 32), 32, 1), 32)
    y = b.op("Mul", f"{y} {weighed}", 32)
    y = b.relu(b.conv(b.concat(b.resize(b.conv(y, 16), height, width), low), 24))
    b.op("Sigmoid", b.conv(b.conv(y, 16), 1), 1)
    return b.model("output", [batch, 3, height, width])


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "model.onnx"
    onnx.save(made, path)
    return path


def spec_of(folder: Path, made: ModelProto, size: int) -> ModelSpec:
    return ModelSpec.for_file(saved(folder, made), like="isnet-general-use", size=(size, size))


def ops(made: ModelProto) -> list[str]:
    return [one.op_type for one in made.graph.node]
