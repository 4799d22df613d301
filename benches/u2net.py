"""U2-Net (Qin et al. 2020, arXiv:2005.09007) as an ONNX graph with random weights, for measuring where the real one is
not to be had. Batch normalization is taken as folded into the convolutions, as exporters leave it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

Stage = tuple[int, int, int, int]  # height of the U (0: dilated), channels in, in the middle, out

U2NET: list[Stage] = [
    (7, 3, 32, 64), (6, 64, 32, 128), (5, 128, 64, 256), (4, 256, 128, 512), (0, 512, 256, 512), (0, 512, 256, 512),
    (0, 1024, 256, 512), (4, 1024, 128, 256), (5, 512, 64, 128), (6, 256, 32, 64), (7, 128, 16, 64),
]  # fmt: skip
U2NETP: list[Stage] = [(height, 3 if i == 0 else 128 if i > 5 else 64, 16, 64) for i, (height, *_) in enumerate(U2NET)]


def u2net(stages: list[Stage], size: int, seed: int = 0) -> ModelProto:
    """Float32 1 x 3 x size x size -> 1 x 1 x size x size in 0..1: six encoders, five decoders, six heads, a blend."""
    return _Builder(size, np.random.default_rng(seed)).build(stages)


@dataclass
class _Builder:
    size: int
    random: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def build(self, stages: list[Stage]) -> ModelProto:
        from onnx import TensorProto, helper

        self.sizes["x"] = self.size
        encoded, name = [], "x"
        for index, stage in enumerate(stages[:6]):
            name = self.stage(self.pool(name) if index else name, stage)
            encoded.append(name)
        decoded = [encoded[-1]]
        for stage, skip in zip(stages[6:], reversed(encoded[:-1]), strict=True):
            decoded.append(self.stage(self.concat([self.resize(decoded[-1], skip), skip]), stage))
        channels = [stages[5][3], *(stage[3] for stage in stages[6:])]
        heads = [self.conv(one, count, 1, relu=False) for one, count in zip(decoded, channels, strict=True)]
        blend = self.conv(self.concat([self.resize(head, "x") for head in heads]), len(heads), 1, kernel=1, relu=False)
        self.nodes.append(helper.make_node("Sigmoid", [blend], ["y"]))
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, count, self.size, self.size])
            for end, count in (("x", 3), ("y", 1))
        ]
        graph = helper.make_graph(self.nodes, "u2net", ends[:1], ends[1:], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def stage(self, name: str, stage: Stage) -> str:
        height, before, middle, after = stage
        entry = self.conv(name, before, after)
        down = [self.conv(entry, after, middle)]
        for level in range(1, (height or 4) - 1):
            below = down[-1] if height == 0 else self.pool(down[-1])
            down.append(self.conv(below, middle, middle, dilation=1 if height else 2**level))
        up = self.conv(down[-1], middle, middle, dilation=2 if height else 8)
        for level, skip in reversed(list(enumerate(down))):
            same = self.resize(up, skip) if self.sizes[up] != self.sizes[skip] else up
            dilation = 2**level if height == 0 else 1
            up = self.conv(self.concat([same, skip]), 2 * middle, middle if level else after, dilation=dilation)
        return self.node("Add", [up, entry], self.sizes[entry])

    def node(self, kind: str, inputs: list[str], size: int, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.sizes[name] = size
        return name

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def conv(self, name: str, before: int, after: int, *, kernel: int = 3, dilation: int = 1, relu: bool = True) -> str:
        shape = (after, before, kernel, kernel)
        weights = self.random.normal(0, np.sqrt(2 / (before * kernel**2)), shape).astype(np.float32)
        bias = self.random.normal(0, 0.1, after).astype(np.float32)
        pads = [dilation * (kernel // 2)] * 4
        inputs = [name, self.constant(weights), self.constant(bias)]
        size = self.sizes[name]
        made = self.node("Conv", inputs, size, kernel_shape=shape[2:], pads=pads, dilations=[dilation] * 2)
        return self.node("Relu", [made], size) if relu else made

    def pool(self, name: str) -> str:
        return self.node("MaxPool", [name], -(-self.sizes[name] // 2), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def resize(self, name: str, like: str) -> str:
        size = self.sizes[like]
        scales = self.constant(np.array([1, 1, size / self.sizes[name], size / self.sizes[name]], np.float32))
        mode = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
        return self.node("Resize", [name, "", scales], size, **mode)

    def concat(self, names: list[str]) -> str:
        return self.node("Concat", names, self.sizes[names[0]], axis=1)
