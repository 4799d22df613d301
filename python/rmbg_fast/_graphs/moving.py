"""Nodes that only move values, done to NumPy arrays: what an array of numbers becomes tells where each value goes.

So it is known what a chain of them does, however an exporter spelled it out: a roll as two Slices and a Concat, a cut
into windows as Reshape and Transpose. Two kinds of arrays are moved. `rows` are numbers of tokens, the same along the
last axis, which takes no memory; what padding fills in is -1. `places` are arrays that nobody reads or writes, so that
they take none either: their views tell by address and strides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .graph_index import Graph, attributes_of, text
from .matching import Mismatch, constant, need

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    Moved = NDArray[Any]


def moves(node: NodeProto | None) -> bool:
    return node is not None and node.domain in ("", "ai.onnx") and node.op_type in _MOVES


def moved_from(node: NodeProto) -> list[str]:
    """The values that the node moves: not the shapes and positions that it reads."""
    return list(node.input) if node.op_type == "Concat" else [node.input[0]]


def move(graph: Graph, node: NodeProto, arrays: list[Moved]) -> dict[str, Moved]:
    """What the node makes of the arrays, by name. Raises Mismatch where its positions are not known."""
    made = _MOVES[node.op_type](graph, node, arrays)
    return dict(zip(node.output, made, strict=True))


# --- rows ---


def rows_of(shape: list[int]) -> Moved:
    """Numbers of the rows of a value: those along the last axis have one."""
    numbers = np.arange(int(np.prod(shape[:-1], dtype=np.int64))).reshape(*shape[:-1], 1)
    return np.broadcast_to(numbers, shape)


def rows_behind(graph: Graph, name: str) -> tuple[str, Moved]:
    """The value that nodes which only move made `name` of, and its rows where they lie in `name`: no last axis."""
    source = _source(graph, name)
    known = {source: rows_of(sizes(graph, source))}

    def made(name: str) -> Moved:
        if name not in known:
            node = graph.nodes[graph.makers[name]]
            known.update(move(graph, node, [made(each) for each in moved_from(node)]))
        return known[name]

    return source, _without_last(made(name))


def _source(graph: Graph, name: str) -> str:
    node = graph.maker(name)
    if node is None or not moves(node):
        return name
    sources = {_source(graph, each) for each in moved_from(node)}
    need(len(sources) == 1)
    return sources.pop()


def rows_ahead(graph: Graph, name: str) -> tuple[str, Moved, set[int]]:
    """The last value that nodes which only move make of `name`, with the rows of `name` as they lie there; the nodes.

    Raises Mismatch: others read what is between.
    """
    known = {name: rows_of(sizes(graph, name))}
    inside: set[int] = set()
    while True:
        following = sorted(
            reader
            for each in known
            for reader in graph.readers.get(each, [])
            if reader not in inside
            and moves(graph.nodes[reader])
            and all(one in known for one in moved_from(graph.nodes[reader]))
        )
        if not following:
            break
        node = graph.nodes[following[0]]
        inside.add(following[0])
        known.update(move(graph, node, [known[each] for each in moved_from(node)]))
    ends = [each for each in known if each in graph.outputs or not inside.issuperset(graph.readers.get(each, []))]
    need(len(ends) == 1)
    return ends[0], _without_last(known[ends[0]]), inside


def _without_last(rows: Moved) -> Moved:
    need(_is_thin(rows))  # else something was moved along it
    return rows[..., 0]


# --- places ---


def places_of(shape: list[int]) -> Moved:
    return np.empty(shape, np.int8)


def is_same_view(one: Moved, other: Moved) -> bool:
    """Are they the same elements in the same order?"""

    def strides(array: Moved) -> list[int]:
        return [stride for stride, size in zip(array.strides, array.shape, strict=True) if size > 1]

    address = [array.__array_interface__["data"][0] for array in (one, other)]
    return one.shape == other.shape and address[0] == address[1] and strides(one) == strides(other)


# --- one node ---


def sizes(graph: Graph, name: str) -> list[int]:
    shape = graph.shapes.get(name)
    if shape is None or None in shape or not shape:
        raise Mismatch
    return [size or 0 for size in shape]


def _reshape(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    shape = sizes(graph, node.output[0])
    (array,) = arrays
    need(int(np.prod(shape, dtype=np.int64)) == array.size)
    if _is_thin(array) and array.shape[-1] == shape[-1]:
        return [_thinly(arrays, lambda thin: thin[0].reshape(*shape[:-1], 1))]
    return [array.reshape(shape)]


def _transpose(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    return [arrays[0].transpose(attributes_of(node).get("perm"))]


def _axes(graph: Graph, node: NodeProto, place: int) -> list[int] | None:
    """Axes as an input, as newer operators have them, or as an attribute."""
    if len(node.input) > place and node.input[place]:
        return [int(axis) for axis in constant(graph, node.input[place]).reshape(-1)]
    found = attributes_of(node).get("axes")
    return None if found is None else list(found)


def _slice(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    (array,) = arrays
    need(len(node.input) >= 3)
    starts, ends = ([int(each) for each in constant(graph, name)] for name in node.input[1:3])
    axes = _axes(graph, node, 3) or list(range(len(starts)))
    steps = [int(each) for each in constant(graph, node.input[4])] if len(node.input) > 4 else [1] * len(starts)
    need(all(step > 0 for step in steps))
    cut = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = slice(start, end, step)
    return [array[tuple(cut)]]


def _split(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    attributes = attributes_of(node)
    axis, count = attributes.get("axis", 0), len(node.output)
    if len(node.input) > 1 and node.input[1]:
        parts = [int(size) for size in constant(graph, node.input[1])]
    else:
        parts = list(attributes.get("split", [arrays[0].shape[axis] // count] * count))
    need(len(parts) == count and sum(parts) == arrays[0].shape[axis])
    return list(np.split(arrays[0], np.cumsum(parts)[:-1], axis))


def _gather(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    axis, index = attributes_of(node).get("axis", 0), constant(graph, node.input[1])
    if index.ndim == 0:
        return [np.moveaxis(arrays[0], axis, 0)[int(index)]]
    need(axis % arrays[0].ndim < arrays[0].ndim - 1)
    return [_thinly(arrays, lambda thin: np.take(thin[0], index, axis))]


def _squeeze(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    axes = _axes(graph, node, 1)
    return [arrays[0].squeeze(None if axes is None else tuple(axes))]


def _unsqueeze(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    axes = _axes(graph, node, 1)
    need(axes is not None)
    return [np.expand_dims(arrays[0], tuple(axes or ()))]


def _identity(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    return [arrays[0]]


def _pad(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    (array,) = arrays
    need(len(node.input) >= 2 and text(attributes_of(node).get("mode"), "constant") == "constant")
    need(len(node.input) < 3 or not node.input[2] or float(constant(graph, node.input[2])) == 0)
    amounts = [int(amount) for amount in constant(graph, node.input[1])]
    need(min(amounts) >= 0)
    axes = _axes(graph, node, 3) or list(range(array.ndim))
    widths = [(0, 0)] * array.ndim
    for axis, *width in zip(axes, amounts[: len(axes)], amounts[len(axes) :], strict=True):
        widths[axis] = (width[0], width[1])
    need(widths[-1] == (0, 0))
    return [_thinly([array], lambda thin: np.pad(thin[0], widths, constant_values=-1))]


def _concat(graph: Graph, node: NodeProto, arrays: list[Moved]) -> list[Moved]:
    axis = attributes_of(node)["axis"] % arrays[0].ndim
    need(axis < arrays[0].ndim - 1)
    return [_thinly(arrays, lambda thin: np.concatenate(thin, axis))]


def _thinly(arrays: list[Moved], change: Callable[[list[Moved]], Moved]) -> Moved:
    """What `change` makes of rows, without a copy for each element along the last axis."""
    need(all(map(_is_thin, arrays)))  # places are not joined
    made = change([array[..., :1] for array in arrays])
    return np.broadcast_to(made, (*made.shape[:-1], arrays[0].shape[-1]))


def _is_thin(rows: Moved) -> bool:
    return rows.strides[-1] == 0


_MOVES: dict[str, Callable[[Graph, NodeProto, list[Moved]], list[Moved]]] = {
    "Concat": _concat,
    "Gather": _gather,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
