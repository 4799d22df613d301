"""A deformable convolution spelled out tap by tap, with GridSample."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .deformable_chain import Deformable, padding
from .graph_index import Graph, attributes_of, only_reader, text
from .matching import constant, is_plain, known, maker, need, single

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class _Tap:
    source: str
    offset: str
    mask: str
    number: int
    weight: str
    bias: str
    begin: tuple[int, int]
    strides: tuple[int, int]


def sampled(graph: Graph, result: str, parts: list[str]) -> Deformable:
    taps = sorted((_tap(graph, part, result) for part in parts), key=lambda tap: tap.number)
    first = taps[0]
    same = (first.source, first.offset, first.mask, first.strides)
    need(all((tap.source, tap.offset, tap.mask, tap.strides) == same for tap in taps))
    need([tap.number for tap in taps] == list(range(len(taps))) and not any(tap.bias for tap in taps[1:]))
    rows = [tap.begin[0] for tap in taps]
    width = rows.count(rows[0])  # of the kernel
    need(len(taps) % width == 0)
    kernel = len(taps) // width, width
    down = rows[width] - rows[0] if kernel[0] > 1 else 1
    right = taps[1].begin[1] - first.begin[1] if width > 1 else 1
    need(min(down, right) > 0)
    for tap in taps:
        row, column = divmod(tap.number, width)
        need(tap.begin == (first.begin[0] + row * down, first.begin[1] + column * right))
    batch, _, height, wide = known(graph, result, 4)
    need(known(graph, first.offset, 4) == [batch, 2 * len(taps), height, wide])
    need(not first.mask or known(graph, first.mask, 4) == [batch, len(taps), height, wide])
    dilations = down, right
    start = (-first.begin[0], -first.begin[1])
    pads = padding(graph, first.source, (height, wide), kernel, first.strides, dilations, start)
    weights = [tap.weight for tap in taps]
    need(all(graph.array_shape(name)[2:] == [1, 1] for name in weights))
    return Deformable(
        first.source,
        first.offset,
        first.mask,
        weights,
        kernel,
        first.strides,
        dilations,
        pads,
        1,
        result,
        first.bias,
    )


def _tap(graph: Graph, name: str, result: str) -> _Tap:
    conv = maker(graph, name)
    need(conv.op_type == "Conv" and conv.input[1] in graph.constants and is_plain(attributes_of(conv)))
    need(name == result or only_reader(graph, name))
    need(tuple(attributes_of(conv).get("strides", (1, 1))) == (1, 1))
    node = maker(graph, conv.input[0])
    if node.op_type == "Concat" and len(node.input) == 1:
        node = maker(graph, node.input[0])
    mask, number = "", -1
    if node.op_type == "Mul":
        slices = [maker(graph, each) for each in node.input if maker(graph, each).op_type == "Slice"]
        samples = [maker(graph, each) for each in node.input if maker(graph, each).op_type == "GridSample"]
        need(len(slices) == len(samples) == 1)
        axis, number = single(graph, slices[0])
        need(axis == 1)
        mask, node = slices[0].input[0], samples[0]
    attributes = attributes_of(node)
    need(node.op_type == "GridSample" and not attributes.get("align_corners", 0))
    need(text(attributes.get("mode"), "bilinear") in ("bilinear", "linear"))
    need(text(attributes.get("padding_mode"), "zeros") == "zeros")
    source = node.input[0]
    made_by = graph.maker(source)
    if made_by is not None and made_by.op_type == "Split" and len(made_by.output) == 1:
        source = made_by.input[0]
    _, _, height, width = known(graph, source, 4)
    grid = maker(graph, node.input[1])
    need(grid.op_type == "Concat" and len(grid.input) == 2 and attributes_of(grid)["axis"] in (3, -1))
    x, y = (_position(graph, each, size) for each, size in zip(grid.input, (width, height), strict=True))
    offset, down, begin_y, stride_y = y[0], y[1], *_line(y[2], 0)
    begin_x, stride_x = _line(x[2], 1)
    need(x[0] == offset and down % 2 == 0 and x[1] == down + 1 and number in (-1, down // 2))
    return _Tap(
        source,
        offset,
        mask,
        down // 2,
        conv.input[1],
        conv.input[2] if len(conv.input) > 2 else "",
        (begin_y, begin_x),
        (stride_y, stride_x),
    )


def _position(graph: Graph, name: str, size: int) -> tuple[str, int, NDArray[Any]]:
    """Of (2 (constant + offset[:, channel]) + 1) / size - 1: the offsets, the channel and the constant."""
    node = maker(graph, name)
    need(node.op_type == "Unsqueeze")
    for op, wanted in (("Sub", 1), ("Div", size), ("Add", 1), ("Mul", 2)):
        node = maker(graph, node.input[0])
        need(node.op_type == op and node.input[1] in graph.constants)
        value = constant(graph, node.input[1])
        need(value.size == 1 and float(value.item()) == wanted)
    node = maker(graph, node.input[0])
    need(node.op_type == "Add" and (node.input[0] in graph.constants) != (node.input[1] in graph.constants))
    fixed, moving = sorted(node.input, key=lambda name: name not in graph.constants)
    gather = maker(graph, moving)
    need(gather.op_type == "Gather" and attributes_of(gather).get("axis", 0) == 1)
    channel = constant(graph, gather.input[1])
    need(channel.ndim == 0)
    return gather.input[0], int(channel), constant(graph, fixed)


def _line(values: NDArray[Any], axis: int) -> tuple[int, int]:
    """First value and step of positions along one axis of (height, width)."""
    need(values.ndim == 2 and values.shape[1 - axis] == 1)
    line = values.reshape(-1)
    steps = {float(after - before) for before, after in pairwise(line)} or {1.0}
    need(len(steps) == 1)
    step = steps.pop()
    need(step == int(step) > 0 and float(line[0]) == int(line[0]))
    return int(line[0]), int(step)
