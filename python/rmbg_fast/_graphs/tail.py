"""A 1x1 convolution to few channels behind an enlargement is done before it, where there are far fewer pixels.

Enlarging takes weighted means of pixels, a 1x1 convolution weighted sums of channels: either may come first. So may the
parts of a concatenation be convolved each by itself and added. What is then a 1x1 convolution right behind another
convolution becomes a part of that one's weights. BiRefNet ends so: 96 channels are enlarged to 1024 x 1024, joined with
24 others, and summed to the one of the mask.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from . import graph_index, onnx_graph
from .graph_index import Graph, attributes_of, is_map, only_reader, text
from .matching import is_plain
from .request import Request
from .weights import FEW

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

_LARGE = 1 << 16  # pixels: below, there is little to gain


def move_before_resizes(model: ModelProto, request: Request) -> None:
    """1x1 convolutions to few channels move before the concatenation and the enlargements that they read."""
    if not request.network:
        return
    graph = model.graph
    if not any(node.op_type == "Conv" and _is_last(node) for node in graph.node):
        return
    index = graph_index.of(model)
    if index.opset < 13:
        return
    changed: list[NodeProto] = []
    for node in graph.node:
        joined = index.maker(node.input[0]) if node.op_type == "Conv" and node.input else None
        if joined is not None and _fits(index, node, joined):
            changed += _split(index, node, joined, graph.initializer)
        else:
            changed.append(node)
    if len(changed) > len(graph.node):
        onnx_graph.set_nodes(graph, changed)
        onnx_graph.sort(graph)
        onnx_graph.sweep(graph)


def _is_last(node: NodeProto) -> bool:
    return all(size == 1 for size in attributes_of(node).get("kernel_shape", []))


def _fits(graph: Graph, node: NodeProto, joined: NodeProto) -> bool:
    weights = graph.constants.get(node.input[1])
    shape = graph.shapes.get(node.output[0])
    if weights is None or shape is None or None in shape[1:] or len(shape) != 4:
        return False
    return (
        list(weights.dims[2:]) == [1, 1]
        and weights.dims[0] <= FEW
        and _pixels(shape) >= _LARGE
        and is_plain(attributes_of(node))
        and all(step == 1 for step in attributes_of(node).get("strides", [1]))
        and all(name in graph.constants for name in node.input[2:])
        and joined.op_type == "Concat"
        and attributes_of(joined).get("axis") == 1
        and only_reader(graph, joined.output[0])
        and all(is_map(graph, name) for name in joined.input)
        and any(enlarged(graph, name) is not None for name in joined.input)
    )


def enlarged(graph: Graph, name: str) -> NodeProto | None:
    """The linear Resize that made the value, if it enlarges a map and nobody else reads what it makes."""
    node = graph.maker(name)
    if node is None or node.op_type != "Resize" or not only_reader(graph, name) or not is_map(graph, node.input[0]):
        return None
    attributes = attributes_of(node)
    before, after = graph.shapes[node.input[0]], graph.shapes[name]
    known = None not in before[1:] and None not in after[1:]
    means = text(attributes.get("mode"), "nearest") == "linear" and not attributes.get("antialias", 0)
    inside = text(attributes.get("coordinate_transformation_mode"), "half_pixel") != "tf_crop_and_resize"
    by_size = len(node.input) > 3 and node.input[3] in graph.constants and graph.array(node.input[3]).size == 4
    if not (known and means and inside and by_size and attributes.get("axes") is None):
        return None
    return node if _pixels(before) < _pixels(after) else None


def _pixels(shape: graph_index.Shape) -> int:
    return math.prod(size or 1 for size in shape[2:])


def _split(graph: Graph, node: NodeProto, joined: NodeProto, initializers: Any) -> list[NodeProto]:
    """The convolution as one of each part of `joined`, and their sum."""
    import numpy as np
    from onnx import helper, numpy_helper

    result = node.output[0]
    weights = graph.array(node.input[1]).astype(np.float64)
    bias = graph.array(node.input[2]).astype(np.float64) if len(node.input) > 2 and node.input[2] else 0.0
    nodes: list[NodeProto] = []
    sums: list[str] = []
    begin = 0
    for number, name in enumerate(joined.input):
        end = begin + int(graph.shapes[name][1] or 0)
        resize = enlarged(graph, name)
        source = resize.input[0] if resize is not None else name
        part = _Part(source, {}, weights[:, begin:end], np.zeros(len(weights)) + (bias if number == 0 else 0.0))
        part = _merged(graph, part)
        made = f"{result}.part.{number}"
        for kind, values in (("weight", part.weights), ("bias", part.bias)):
            initializers.append(numpy_helper.from_array(values.astype(np.float32), f"{made}.{kind}"))
        nodes.append(
            helper.make_node("Conv", [part.source, f"{made}.weight", f"{made}.bias"], [made], **part.attributes)
        )
        if resize is not None:
            size = graph.array(resize.input[3]).copy()
            size[1] = len(weights)
            initializers.append(numpy_helper.from_array(size, f"{made}.size"))
            larger = helper.make_node("Resize", [made, "", "", f"{made}.size"], [f"{made}.resized"])
            larger.attribute.extend(resize.attribute)
            nodes.append(larger)
            made = larger.output[0]
        sums.append(made)
        begin = end
    while len(sums) > 1:
        total = result if len(sums) == 2 else f"{result}.sum.{len(sums)}"
        nodes.append(helper.make_node("Add", sums[:2], [total]))
        sums = [total, *sums[2:]]
    return nodes


class _Part:
    """A convolution under way: what it reads, its attributes, weights and bias."""

    def __init__(self, source: str, attributes: dict[str, Any], weights: NDArray[Any], bias: NDArray[Any]) -> None:
        self.source, self.attributes, self.weights, self.bias = source, attributes, weights, bias


def _merged(graph: Graph, part: _Part) -> _Part:
    """It with the convolution before it, where nothing stands between and nobody else reads that one."""
    import numpy as np

    before = graph.maker(part.source)
    if before is None or before.op_type != "Conv" or not only_reader(graph, part.source):
        return part
    attributes = attributes_of(before)
    if any(name not in graph.constants for name in before.input[1:] if name) or attributes.get("group", 1) != 1:
        return part
    matrix = part.weights[:, :, 0, 0]
    weights = np.einsum("kc,cdhw->kdhw", matrix, graph.array(before.input[1]).astype(np.float64))
    bias = part.bias
    if len(before.input) > 2 and before.input[2]:
        bias = bias + matrix @ graph.array(before.input[2]).astype(np.float64)
    return _Part(before.input[0], attributes, weights, bias)
