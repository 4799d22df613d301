"""Regions of a graph that our own kernels run (cpp/net), each compiled into one node.

A region is convex: what it needs from outside is there before it starts. Its node, `Network` of the domain `rmbg_fast`,
holds a list of numbers, the plan (see network_plan.py); all regions share one tensor of weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import onnx_graph
from .graph_index import Graph, attributes_of, factor, is_map, limits, only_reader, resize_size, text
from .network_plan import COORDINATES, Compiler, Region
from .weights import BLOCK, Packed

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

DOMAIN = "rmbg_fast"
OPERATOR = "Network"
WEIGHTS = "rmbg_fast.weights"
"""The name of the initializer that holds the weights of all regions."""


def import_domain(model: ModelProto) -> None:
    """Say that nodes of our own are in the model."""
    from onnx import helper

    if all(item.domain != DOMAIN for item in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


def compile_regions(graph: Graph, weights: list[Packed]) -> list[Region]:
    """The regions of the graph that are worth our own kernels. Their weights are appended to `weights`."""
    supported = [_supported(graph, node) for node in graph.nodes]
    depth = [0] * len(graph.nodes)  # grows where a path goes from supported nodes to others or back
    for index, node in enumerate(graph.nodes):
        # What a node of ours reads besides maps (the size of a Resize) is known, and not computed.
        for name in [n for n in node.input if is_map(graph, n)] if supported[index] else onnx_graph.uses(node):
            maker = graph.makers.get(name)
            if maker is not None:
                depth[index] = max(depth[index], depth[maker] + (supported[maker] != supported[index]))
    _move_back(graph, supported, depth)
    groups: dict[int, list[int]] = {}
    for index, here in enumerate(supported):
        if here:
            groups.setdefault(depth[index], []).append(index)
    return [Compiler(graph, nodes, weights).compile() for nodes in groups.values() if _worth_it(graph, nodes)]


def _move_back(graph: Graph, supported: list[bool], depth: list[int]) -> None:
    """Nodes of ours that only others of ours wait for join the first of these: what is between is never planes then."""
    for index in reversed(range(len(graph.nodes))):
        names = graph.nodes[index].output
        readers = [reader for name in names for reader in graph.readers.get(name, [])]
        inside = supported[index] and all(supported[reader] for reader in readers) and graph.outputs.isdisjoint(names)
        if inside and readers:
            depth[index] = max(depth[index], min(depth[reader] for reader in readers))


# --- which nodes we run ---


def _supported(graph: Graph, node: NodeProto) -> bool:
    check = _CHECKS.get(node.op_type)
    if check is None or node.domain not in ("", "ai.onnx"):
        return False
    shape = graph.shapes.get(node.output[0])
    return shape is not None and len(shape) == 4 and shape[1] is not None and check(graph, node)


def _unpadded(attributes: dict[str, Any]) -> bool:
    return text(attributes.get("auto_pad"), "NOTSET") in ("NOTSET", "VALID")


def _check_convolution(graph: Graph, node: NodeProto) -> bool:
    attributes = attributes_of(node)
    return (
        is_map(graph, node.input[0])
        and all(name in graph.constants for name in node.input[1:] if name)
        and len(graph.constants[node.input[1]].dims) == 4
        and attributes.get("group", 1) == 1
        and _unpadded(attributes)
        and min(attributes.get("pads", [0])) >= 0
    )


def _check_max_pool(graph: Graph, node: NodeProto) -> bool:
    attributes = attributes_of(node)
    kernel = attributes.get("kernel_shape", [])
    pads = attributes.get("pads", [0, 0, 0, 0])
    return (
        is_map(graph, node.input[0])
        and len(kernel) == 2
        and len([name for name in node.output if name]) == 1
        and _unpadded(attributes)
        and all(rate == 1 for rate in attributes.get("dilations", [1, 1]))
        and all(0 <= pad < size for pad, size in zip(pads, [*kernel, *kernel], strict=True))
    )


def _check_resize(graph: Graph, node: NodeProto) -> bool:
    attributes = attributes_of(node)
    if not is_map(graph, node.input[0]) or graph.opset < 11 or attributes.get("antialias", 0):
        return False
    if attributes.get("axes") is not None or text(attributes.get("keep_aspect_ratio_policy"), "stretch") != "stretch":
        return False
    if text(attributes.get("coordinate_transformation_mode"), "half_pixel") not in COORDINATES:
        return False
    if text(attributes.get("mode"), "nearest") not in ("nearest", "linear"):
        return False
    before, after = graph.shapes[node.input[0]], graph.shapes[node.output[0]]
    return before[:2] == after[:2] and resize_size(graph, node) is not None


def _check_add(graph: Graph, node: NodeProto) -> bool:
    first, second = (graph.shapes.get(name) for name in node.input)
    known = first is not None and None not in first[1:]  # else one might be stretched to the other
    return known and first == second and all(is_map(graph, name) for name in node.input)


def _check_concat(graph: Graph, node: NodeProto) -> bool:
    axis = attributes_of(node).get("axis")
    readers = [graph.nodes[index] for index in graph.readers.get(node.output[0], [])]
    return (
        axis in (1, -3)
        and len(node.input) > 1
        and all(is_map(graph, name) for name in node.input)
        and all(reader.op_type in ("Conv", "Concat") for reader in readers)
    )


def _check_clamp(graph: Graph, node: NodeProto) -> bool:
    """A clamp that its convolution or addition can do by itself."""
    maker = graph.maker(node.input[0])
    return (
        maker is not None
        and maker.op_type in ("Conv", "Add", "DeformConv")
        and _supported(graph, maker)
        and only_reader(graph, node.input[0])
        and limits(graph, node) is not None
    )


def _check_deformable(graph: Graph, node: NodeProto) -> bool:
    attributes = attributes_of(node)
    source, weight, offset, *rest = node.input
    bias, mask = [*rest, "", ""][:2]
    if not is_map(graph, source) or not is_map(graph, offset) or weight not in graph.constants:
        return False
    dims = graph.array_shape(weight)
    if len(dims) != 4 or dims[1] != graph.shapes[source][1] or (bias and bias not in graph.constants):
        return False
    taps = dims[2] * dims[3]
    return (
        attributes.get("group", 1) == attributes.get("offset_group", 1) == 1
        and graph.shapes[offset][1] == 2 * taps
        and (not mask or (is_map(graph, mask) and graph.shapes[mask][1] == taps))
        and min(attributes.get("pads", [0])) >= 0
    )


def _reader(graph: Graph, name: str) -> NodeProto | None:
    return graph.nodes[graph.readers[name][0]] if only_reader(graph, name) else None


def _modulates(graph: Graph, name: str) -> bool:
    """Is the value the modulators of a deformable convolution, and nothing else?"""
    reader = _reader(graph, name)
    return (
        reader is not None and reader.op_type == "DeformConv" and name in reader.input[4:] and _supported(graph, reader)
    )


def _check_sigmoid(graph: Graph, node: NodeProto) -> bool:
    """Of modulators, or of a gate: one that makes a mask is left, whoever normalises it."""
    result = node.output[0]
    reader = _reader(graph, result)
    multiplied = reader is not None and reader.op_type == "Mul" and _supported(graph, reader)
    return is_map(graph, node.input[0]) and (multiplied or _modulates(graph, result))


def _check_product(graph: Graph, node: NodeProto) -> bool:
    """A sigmoid times a number, on its way to be modulators; or a map times one channel of the same size."""
    if factor(graph, node) is not None:
        maker = next((graph.maker(name) for name in node.input if name not in graph.constants), None)
        alone = maker is not None and maker.op_type == "Sigmoid" and only_reader(graph, maker.output[0])
        return alone and _modulates(graph, node.output[0])
    if len(node.input) != 2 or not all(is_map(graph, name) for name in node.input):
        return False
    first, second = (graph.shapes[name] for name in node.input)
    known = None not in first[2:] and first[0] == second[0] and first[2:] == second[2:]
    return known and (first[1] == 1) != (second[1] == 1)


def _check_average(graph: Graph, node: NodeProto) -> bool:
    readers = [graph.nodes[index] for index in graph.readers.get(node.output[0], [])]
    return is_map(graph, node.input[0]) and bool(readers) and all(_supported(graph, reader) for reader in readers)


_CHECKS: dict[str, Callable[[Graph, NodeProto], bool]] = {
    "Conv": _check_convolution,
    "MaxPool": _check_max_pool,
    "Resize": _check_resize,
    "Add": _check_add,
    "Concat": _check_concat,
    "Relu": _check_clamp,
    "Clip": _check_clamp,
    "DeformConv": _check_deformable,
    "Sigmoid": _check_sigmoid,
    "Mul": _check_product,
    "GlobalAveragePool": _check_average,
}


_SAVED = {"winograd": 0.6, "deformable": 0.5, "other": -0.25}
"""Of the time that the runtime needs for as many multiplications: rough, from profiles of IS-Net and BiRefNet."""


def _worth_it(graph: Graph, nodes: Iterable[int]) -> bool:
    """Does it save time, by what each of its convolutions saves or loses?"""
    saved = 0.0
    for index in nodes:
        node = graph.nodes[index]
        if node.op_type in ("Conv", "DeformConv"):
            dims = graph.array_shape(node.input[1])
            height, width = graph.shapes[node.output[0]][2:]
            saved += math.prod(dims) * (height or 1) * (width or 1) * _SAVED[_way(node, dims)]
    return saved > 0


def _way(node: NodeProto, dims: list[int]) -> str:
    if min(dims[:2]) < BLOCK // 2:
        return "other"
    if node.op_type == "DeformConv":
        return "deformable"
    square = dims[2:] in ([3, 3], [7, 7]) and all(step == 1 for step in attributes_of(node).get("strides", [1]))
    return "winograd" if square else "other"
