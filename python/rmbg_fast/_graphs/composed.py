"""Two convolutions in a row, with nothing between them, as one with a larger window.

It reads the few channels of the first and never makes the many between: BiRefNet ends with 64 at 1024 x 1024 (268 MB),
made of a picture and summed to one mask. At the border it is another function: there the second reads zeros, and not
what the first would make of zeros. So first and last rows and columns have weights of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph_index import Graph, attributes_of, only_reader, text
from .weights import FEW, up

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

_SIDE = 3  # of the second window
_SEEN = (1, 3), (0, 3), (0, 2)
"""The taps of the second that lie inside: of the first row, those inside, the last; of columns alike."""


@dataclass(frozen=True)
class Composed:
    """Weights (9, K, C, height, width), biases (9, K) and padding of two convolutions as one.

    The nine are [3][3] of rows and columns: first, inside, last.
    """

    weights: NDArray[Any]
    biases: NDArray[Any]
    pads: list[int]


def pairs(graph: Graph, nodes: Iterable[int]) -> dict[int, int]:
    """The convolutions among `nodes` that are done with the one before them, and that one."""
    inside = set(nodes)
    found: dict[int, int] = {}
    for index in sorted(inside):
        node = graph.nodes[index]
        before = graph.makers.get(node.input[0]) if node.op_type == "Conv" else None
        if before is None or before not in inside or before in found:
            continue
        if _fit(graph, graph.nodes[before], node):
            found[index] = before
    return found


def _fit(graph: Graph, first: NodeProto, second: NodeProto) -> bool:
    if first.op_type != "Conv" or not only_reader(graph, second.input[0]):
        return False
    between, channels, *window = graph.array_shape(first.input[1])
    outputs, _, *last_window = graph.array_shape(second.input[1])
    shape = graph.shapes.get(second.output[0])
    alone = between * channels * math.prod(window) + outputs * between * _SIDE**2
    together = up(outputs) * channels * math.prod(size + _SIDE - 1 for size in window)
    return (
        last_window == [_SIDE, _SIDE]
        and list(attributes_of(second).get("pads", [0])) == [_SIDE // 2] * 4
        and channels <= FEW
        and outputs <= FEW
        and all(_steps_by_one(attributes_of(node)) for node in (first, second))
        and shape is not None
        and all(size is not None and size > 1 for size in shape[2:])
        and together < alone
    )


def _steps_by_one(attributes: dict[str, Any]) -> bool:
    steps = [*attributes.get("strides", [1]), *attributes.get("dilations", [1])]
    explicit = text(attributes.get("auto_pad"), "NOTSET") == "NOTSET"
    return set(steps) == {1} and attributes.get("group", 1) == 1 and explicit


def compose(graph: Graph, first: NodeProto, second: NodeProto) -> Composed:
    """The two as one."""
    import numpy as np

    weights, bias = _values(graph, first)
    last, last_bias = _values(graph, second)
    between, channels, height, width = weights.shape
    outputs = len(last)
    sets = np.zeros((9, outputs, channels, height + _SIDE - 1, width + _SIDE - 1))
    biases = np.zeros((9, outputs)) + last_bias
    for place, (rows, columns) in enumerate((rows, columns) for rows in _SEEN for columns in _SEEN):
        for y in range(*rows):
            for x in range(*columns):
                tap = last[:, :, y, x]
                seen = tap @ weights.reshape(between, -1)
                sets[place, :, :, y : y + height, x : x + width] += seen.reshape(outputs, channels, height, width)
                biases[place] += tap @ bias
    pads = [pad + _SIDE // 2 for pad in attributes_of(first).get("pads", [0] * 4)]
    return Composed(sets.astype(np.float32), biases.astype(np.float32), pads)


def _values(graph: Graph, node: NodeProto) -> tuple[NDArray[Any], NDArray[Any]]:
    import numpy as np

    weights = graph.array(node.input[1]).astype(np.float64)
    if len(node.input) > 2 and node.input[2]:
        return weights, graph.array(node.input[2]).astype(np.float64)
    return weights, np.zeros(len(weights))
