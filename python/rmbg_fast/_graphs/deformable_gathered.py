"""A deformable convolution spelled out for all taps at once, with GatherND."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from . import graph_index
from .deformable_chain import Deformable, padding
from .graph_index import Graph, attributes_of, only_reader, text
from .matching import (
    Mismatch,
    constant,
    factors,
    is_plain,
    known,
    maker,
    moved,
    need,
    operands,
    pair,
    past_reshapes,
    single,
    summands,
)

if TYPE_CHECKING:
    from onnx import NodeProto


def gathered(graph: Graph, conv: NodeProto) -> Deformable:
    attributes = attributes_of(conv)
    kernel = pair(graph.array_shape(conv.input[1])[2:])
    need(tuple(attributes.get("strides", (1, 1))) == kernel and is_plain(attributes))
    side_by_side, taps = moved(graph, conv.input[0], ("Reshape", "Transpose", "Reshape"))
    need(list(attributes_of(side_by_side[1])["perm"]) == [0, 1, 4, 2, 5, 3])
    batch, channels, rows, columns = known(graph, conv.input[0], 4)
    height, width = rows // kernel[0], columns // kernel[1]
    need(known(graph, side_by_side[2].output[0], 6) == [batch, channels, *kernel, height, width])
    _, groups, each, count, *size = known(graph, taps, 6)
    need(groups * each == channels and count == kernel[0] * kernel[1] and size == [height, width])
    total, factor = taps, ""
    product_of = graph.maker(taps)
    if product_of is not None and product_of.op_type == "Mul":
        total, factor = _sum_first(graph, product_of)
    corners = summands(graph, total)[0]
    need(len(corners) == 4 and only_reader(graph, total))
    found = [_corner(graph, corner, [batch, groups, each, count, height, width]) for corner in corners]
    need(sorted(corner.step for corner in found) == list(product((0, 1), repeat=2)))
    first = found[0]
    need(all((corner.source, corner.position) == (first.source, first.position) for corner in found))
    offset, strides, dilations, begin = _grid(graph, first.position, [batch, groups, count, 2, height, width], kernel)
    need(known(graph, offset, 4) == [batch, 2 * groups * count, height, width])
    mask = ""
    if factor:
        (reshape,), mask = moved(graph, factor, ("Reshape",))
        need(known(graph, reshape.output[0], 6) == [batch, groups, 1, count, height, width])
        need(known(graph, mask, 4) == [batch, groups * count, height, width])
    # the positions count from the corner of the padded map
    top, left = (padded - start for padded, start in zip(first.padded, begin, strict=True))
    pads = padding(graph, first.source, (height, width), kernel, strides, dilations, (top, left))
    bias = conv.input[2] if len(conv.input) > 2 else ""
    return Deformable(
        first.source, offset, mask, [conv.input[1]], kernel, strides, dilations, pads, groups, conv.output[0], bias
    )


@dataclass
class _Corner:
    """One of a sample's four neighbours: 0 or 1 down and to the right, times its share."""

    source: str
    position: str
    step: tuple[int, int]
    padded: tuple[int, int]  # rows above and columns to the left of the map


def _corner(graph: Graph, name: str, shape: list[int]) -> _Corner:
    batch, groups, each, count, height, width = shape
    share, values = _fetched_last(graph, name)
    (_, transpose, gather), _ = moved(graph, values, ("Reshape", "Transpose", "GatherND"))
    need(list(attributes_of(transpose)["perm"]) == [0, 1, 3, 2] and attributes_of(gather).get("batch_dims") == 2)
    need(known(graph, values, 6) == shape and known(graph, share, 6) == [batch, groups, 1, count, height, width])
    (order, reshape, pad), _ = moved(graph, gather.input[0], ("Transpose", "Reshape", "Pad"))
    need(list(attributes_of(order)["perm"]) == [0, 1, 3, 4, 2])
    source = pad.input[0]
    _, channels, rows, columns = known(graph, source, 4)
    amounts = [int(amount) for amount in constant(graph, pad.input[1])] if len(pad.input) < 4 else []
    need(len(amounts) == 8 and amounts[:2] == amounts[4:6] == [0, 0] and channels == groups * each)
    top, left, bottom, right = (amounts[place] for place in (2, 3, 6, 7))
    # a clipped neighbour reads a zero of the border, as the operator does outside
    need(min(top, left, bottom, right) >= 1 and text(attributes_of(pad).get("mode"), "constant") == "constant")
    need(len(pad.input) < 3 or not pad.input[2] or float(constant(graph, pad.input[2])) == 0)
    last = (rows + top + bottom - 1, columns + left + right - 1)
    need(known(graph, reshape.output[0], 5) == [batch, groups, each, last[0] + 1, last[1] + 1])
    indices = graph.maker(gather.input[1])
    need(indices is not None and indices.op_type == "Concat" and len(indices.input) == 2)
    assert indices is not None
    need(attributes_of(indices)["axis"] in (3, -1))
    down, right_of = (_index(graph, name, axis, last[axis]) for axis, name in enumerate(indices.input))
    need(down[1] == right_of[1])
    step = down[0], right_of[0]
    shares = {_share(graph, operand, down[1]) for operand in factors(graph, share)}
    need(shares == {(0, step[0]), (1, step[1])})
    return _Corner(source, down[1], step, (top, left))


def _index(graph: Graph, name: str, axis: int, last: int) -> tuple[int, str]:
    """Of a neighbour's row or column: 0, or 1 for the next, and the position whose floor it is."""
    node = past_reshapes(graph, name)
    need(node.op_type == "Clip" and graph_index.limits(graph, node) == (0, last))
    node = maker(graph, node.input[0])
    step = 0
    if node.op_type == "Add":
        (name,) = (name for name in node.input if name not in graph.constants)
        (one,) = (constant(graph, name) for name in node.input if name in graph.constants)
        need(one.size == 1 and int(one.item()) == 1)
        step, node = 1, maker(graph, name)
    need(_sliced_axis(graph, node) == axis)
    node = maker(graph, node.input[0])
    need(node.op_type == "Cast")
    floor = maker(graph, node.input[0])
    need(floor.op_type == "Floor")
    return step, floor.input[0]


def _share(graph: Graph, name: str, position: str) -> tuple[int, int]:
    """Of a factor of a neighbour's share: its axis, and 1 for the fraction, 0 for 1 minus the fraction."""
    node = maker(graph, name)
    near = 1
    if node.op_type == "Sub" and node.input[0] in graph.constants:
        one = constant(graph, node.input[0])
        need(one.size == 1 and float(one.item()) == 1)
        near, node = 0, maker(graph, node.input[1])
    axis = _sliced_axis(graph, node)
    fraction = maker(graph, node.input[0])
    need(fraction.op_type == "Sub" and fraction.input[0] == position)
    floor = maker(graph, fraction.input[1])
    need(floor.op_type == "Floor" and floor.input[0] == position)
    return axis, near


def _grid(
    graph: Graph, position: str, shape: list[int], kernel: tuple[int, int]
) -> tuple[str, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """The offsets that are added to constant positions, and of those stride, dilation and first row and column."""
    import numpy as np

    node = maker(graph, position)
    need(node.op_type == "Add")
    (name,) = [name for name in node.input if name in graph.constants] or [""]
    need(bool(name))
    grid = constant(graph, name)
    (moving,) = (name for name in node.input if name not in graph.constants)
    (_,), offset = moved(graph, moving, ("Reshape",))
    need(known(graph, position, 6) == shape and grid.ndim == 6 and list(grid.shape[2:]) == shape[2:])
    taps = grid.reshape(-1, *kernel, *shape[3:])
    begin, strides, dilations = [], [], []
    for axis in range(2):
        along = np.moveaxis(taps[0, :, :, axis], (axis, 2 + axis), (0, 1))[:, :, 0, 0]
        begin.append(int(along[0, 0]))
        strides.append(int(along[0, 1] - along[0, 0]) if along.shape[1] > 1 else 1)
        dilations.append(int(along[1, 0] - along[0, 0]) if along.shape[0] > 1 else 1)
        tap, at = np.meshgrid(np.arange(along.shape[0]), np.arange(along.shape[1]), indexing="ij")
        expected = begin[axis] + tap * dilations[axis] + at * strides[axis]
        expected = expected[:, None, :, None] if axis == 0 else expected[None, :, None, :]
        need(bool((taps[:, :, :, axis] == expected).all()) and strides[axis] > 0 and dilations[axis] > 0)
    return offset, pair(strides), pair(dilations), pair(begin)


def _fetched_last(graph: Graph, name: str) -> tuple[str, str]:
    """The operands of a product: a share, and the values that GatherND fetched."""
    for share, values in operands(graph, name, "Mul"):
        with suppress(Mismatch):
            moved(graph, values, ("Reshape", "Transpose", "GatherND"))
            return share, values
    raise Mismatch


def _sum_first(graph: Graph, node: NodeProto) -> tuple[str, str]:
    for total, factor in operands(graph, node.output[0], "Mul"):
        made_by = graph.maker(total)
        if made_by is not None and made_by.op_type in ("Sum", "Add"):
            return total, factor
    raise Mismatch


def _sliced_axis(graph: Graph, node: NodeProto) -> int:
    """0 for the rows, 1 for the columns, of positions (N, groups, taps, 2, height, width)."""
    axis, index = single(graph, node)
    need(axis == 3 and index in (0, 1))
    return index
