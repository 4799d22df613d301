"""Deformable convolutions, as exporters that know no DeformConv spell them out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper


@dataclass(frozen=True)
class Case:
    """Sizes and attributes of one; `groups` have offsets of their own."""

    channels: int = 4
    out: int = 3
    size: tuple[int, int] = (7, 6)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    masked: bool = True
    biased: bool = True

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def after(self) -> tuple[int, int]:
        sizes = zip(self.size, self.pad, self.dilation, self.kernel, self.stride, strict=True)
        high, wide = ((size + 2 * pad - step * (tap - 1) - 1) // hop + 1 for size, pad, step, tap, hop in sizes)
        return high, wide


def inputs(case: Case) -> dict[str, NDArray[Any]]:
    """Operands whose samples lie inside, between, on the edge and far outside of the map."""
    rng = np.random.default_rng(5)
    offset = rng.standard_normal((1, 2 * case.groups * case.taps, *case.after)) * 4
    offset.ravel()[::7] = np.round(offset.ravel()[::7])
    made = {"x": rng.standard_normal((1, case.channels, *case.size)), "offset": offset}
    if case.masked:
        made["mask"] = rng.random((1, case.groups * case.taps, *case.after))
    return {name: values.astype(np.float32) for name, values in made.items()}


class Writer:
    """Nodes and constants of a graph under way."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[Any] = []

    def __call__(self, op: str, *operands: Any, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.named(each) for each in operands], [name], **attributes))
        return name

    def named(self, operand: Any) -> str:
        if isinstance(operand, str):
            return operand
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(operand), name))
        return name

    def model(self, case: Case, result: str, opset: int = 16) -> ModelProto:
        self.nodes.append(helper.make_node("Relu", [result], ["y"]))
        shapes = {name: list(values.shape) for name, values in inputs(case).items()}
        graph = helper.make_graph(
            self.nodes,
            "deformable",
            [helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()],
            [helper.make_tensor_value_info("y", 1, [1, case.out, *case.after])],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weights(case: Case) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(6)
    kernel = rng.standard_normal((case.out, case.channels, *case.kernel)).astype(np.float32)
    return kernel, rng.standard_normal(case.out).astype(np.float32)


def gathered(case: Case) -> ModelProto:
    """All taps at once: what PyPI's deform_conv2d_onnx_exporter writes."""
    add = Writer()
    groups, taps, (high, wide) = case.groups, case.taps, case.after
    each = case.channels // groups
    border = tuple(max(pad, 1) for pad in case.pad)
    rows, columns = (size + 2 * edge for size, edge in zip(case.size, border, strict=True))
    grid = np.zeros((1, 1, taps, 2, high, wide), np.float32)
    for tap in range(taps):
        down, right = divmod(tap, case.kernel[1])
        start = [border[0] - case.pad[0] + down * case.dilation[0], border[1] - case.pad[1] + right * case.dilation[1]]
        grid[0, 0, tap, 0] = (np.arange(high) * case.stride[0] + start[0])[:, None]
        grid[0, 0, tap, 1] = (np.arange(wide) * case.stride[1] + start[1])[None, :]
    grid = np.broadcast_to(grid, (1, groups, *grid.shape[2:])).copy()

    def part(value: str, axis: int) -> str:
        return add("Slice", value, np.array([axis]), np.array([axis + 1]), np.array([3]))

    def reshaped(value: str, *shape: int) -> str:
        return add("Reshape", value, np.array(shape))

    position = add("Add", grid, reshaped("offset", 1, groups, taps, 2, high, wide))
    floor = add("Floor", position)
    whole = add("Cast", floor, to=7)
    fraction = add("Sub", position, floor)
    near = [part(whole, axis) for axis in (0, 1)]
    far = [add("Add", value, np.array(1)) for value in near]
    index = {
        (axis, step): add("Clip", value, np.array(0), np.array((rows, columns)[axis] - 1))
        for step, values in enumerate((near, far))
        for axis, value in enumerate(values)
    }
    share = {(axis, 1): part(fraction, axis) for axis in (0, 1)}
    share |= {(axis, 0): add("Sub", np.float32(1), share[axis, 1]) for axis in (0, 1)}
    edges = [0, 0, *border, 0, 0, *border]
    padded = add("Pad", "x", np.array(edges), mode="constant")
    padded = reshaped(padded, 1, groups, each, rows, columns)
    corners = []
    for step in ((0, 0), (1, 1), (0, 1), (1, 0)):
        both = [reshaped(index[axis, step[axis]], 1, groups, taps * high * wide, 1) for axis in (0, 1)]
        there = add("Transpose", padded, perm=[0, 1, 3, 4, 2])
        values = add("GatherND", there, add("Concat", *both, axis=3), batch_dims=2)
        values = reshaped(add("Transpose", values, perm=[0, 1, 3, 2]), 1, groups, each, taps, high, wide)
        factor = reshaped(add("Mul", share[1, step[1]], share[0, step[0]]), 1, groups, 1, taps, high, wide)
        corners.append(add("Mul", factor, values))
    total = add("Sum", *corners)
    if case.masked:
        total = add("Mul", total, reshaped("mask", 1, groups, 1, taps, high, wide))
    total = add("Transpose", reshaped(total, 1, case.channels, *case.kernel, high, wide), perm=[0, 1, 4, 2, 5, 3])
    total = reshaped(total, 1, case.channels, high * case.kernel[0], wide * case.kernel[1])
    kernel, bias = weights(case)
    result = add("Conv", total, kernel, kernel_shape=case.kernel, strides=case.kernel)
    return add.model(case, add("Add", result, bias.reshape(1, -1, 1, 1)) if case.biased else result)


def sampled(case: Case) -> ModelProto:
    """Tap by tap: what `rmbg_fast.convert` writes below opset 19."""
    add = Writer()
    kernel, bias = weights(case)
    height, width = (np.float32(size) for size in case.size)
    one, two = np.float32(1), np.float32(2)
    (part,) = (add("Split", "x", np.array([case.channels]), axis=1),)
    result = ""
    for tap in range(case.taps):
        at = divmod(tap, case.kernel[1])
        grid = []
        for axis, size in ((1, width), (0, height)):
            line = np.arange(case.after[axis], dtype=np.float32) * case.stride[axis] - case.pad[axis]
            line = line + np.float32(at[axis] * case.dilation[axis])
            line = line[None, :] if axis else line[:, None]
            value = add("Add", line, add("Gather", "offset", np.array(2 * tap + axis), axis=1))
            value = add("Div", add("Add", add("Mul", value, two), one), size)
            grid.append(add("Unsqueeze", add("Sub", value, one), np.array([-1])))
        values = add(
            "GridSample", part, add("Concat", *grid, axis=-1), align_corners=0, mode="bilinear", padding_mode="zeros"
        )
        if case.masked:
            taken = add("Slice", "mask", np.array([tap]), np.array([tap + 1]), np.array([1]), np.array([1]))
            values = add("Mul", values, taken)
        here = np.ascontiguousarray(kernel[:, :, at[0], at[1], None, None])
        operands = [here, bias] if case.biased and not tap else [here]
        share = add("Conv", add("Concat", values, axis=1), *operands, kernel_shape=[1, 1])
        result = add("Add", result, share) if result else share
    return add.model(case, result)
