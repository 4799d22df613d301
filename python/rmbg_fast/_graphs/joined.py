"""A 1x1 convolution of joined maps, of which deformable convolutions made some, is done on each of them, and summed.

Our network then does it while what the deformable convolution made is in the cache, and adds what is summed so far:
BiRefNet's joined maps of 5 x 256 channels (335 MB at 256 x 256) are never made. A map that was enlarged from one pixel,
a mean, is convolved before, and is then no more than another bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import graph_index, onnx_graph
from .graph_index import Graph, attributes_of, is_map, only_reader
from .matching import is_plain
from .request import Request
from .tail import enlarged
from .weights import FEW

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


@dataclass
class _Part:
    """A part of what is joined: its channels, where they begin and end, and what made it, if we know."""

    name: str
    begin: int
    end: int
    deformable: int | None = None
    pixel: NodeProto | None = None  # the Resize that made it of one pixel


@dataclass
class _Changes:
    """New nodes before one of the graph's, or in its place, and nodes that went elsewhere."""

    before: dict[int, list[NodeProto]] = field(default_factory=dict)
    instead: dict[int, list[NodeProto]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)


def split_joined(model: ModelProto, request: Request) -> None:
    """1x1 convolutions of joined deformable ones become one of each, and sums."""
    if not request.network or all(node.op_type != "DeformConv" for node in model.graph.node):
        return
    graph = graph_index.of(model)
    changes = _Changes()
    for index, node in enumerate(graph.nodes):
        parts = _parts(graph, node)
        if any(part.deformable is not None for part in parts):
            _split(graph, index, parts, changes, model.graph.initializer)
    if not changes.instead:
        return
    nodes: list[NodeProto] = []
    for index, node in enumerate(graph.nodes):
        nodes += changes.before.get(index, [])
        if index not in changes.moved:
            nodes += changes.instead.get(index, [node])
    onnx_graph.set_nodes(model.graph, nodes)
    onnx_graph.sweep(model.graph)


def _parts(graph: Graph, node: NodeProto) -> list[_Part]:
    """What a 1x1 convolution reads, if it is one of maps joined for it; its outputs must be many, but far fewer."""
    joined = graph.maker(node.input[0]) if node.op_type == "Conv" else None
    if joined is None or joined.op_type != "Concat" or attributes_of(joined).get("axis") not in (1, -3):
        return []
    known = all(name in graph.constants for name in node.input[1:] if name)
    maps = all(is_map(graph, name) for name in joined.input)
    if not known or not maps or not only_reader(graph, joined.output[0]):
        return []
    outputs, inputs, *window = graph.array_shape(node.input[1])
    attributes = attributes_of(node)
    plain = is_plain(attributes) and set(attributes.get("strides", [1])) == {1}
    if window != [1, 1] or not plain or not FEW < outputs <= inputs // 2:
        return []
    parts: list[_Part] = []
    for name in joined.input:
        begin = parts[-1].end if parts else 0
        part = _Part(name, begin, begin + (graph.shapes[name][1] or 0), _deformable(graph, name))
        resize = enlarged(graph, name)
        if resize is not None and graph.shapes[resize.input[0]][2:] == [1, 1]:
            part.pixel = resize
        parts.append(part)
    return parts


def _deformable(graph: Graph, name: str) -> int | None:
    """The deformable convolution that made the value, perhaps with a clamp, for nobody else."""
    index = graph.makers.get(name)
    if index is not None and graph.nodes[index].op_type in ("Relu", "Clip") and only_reader(graph, name):
        name = graph.nodes[index].input[0]
        index = graph.makers.get(name)
    found = index is not None and graph.nodes[index].op_type == "DeformConv" and only_reader(graph, name)
    return index if found else None


def _split(graph: Graph, index: int, parts: list[_Part], changes: _Changes, initializers: Any) -> None:
    import numpy as np
    from onnx import helper, numpy_helper

    node = graph.nodes[index]
    result = node.output[0]
    weights = graph.array(node.input[1])
    bias = graph.array(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(len(weights), np.float32)

    def convolution(part: _Part, source: str, *, first: bool) -> NodeProto:
        made = f"{result}.of.{part.begin}"
        names = [source, f"{made}.weight"]
        initializers.append(numpy_helper.from_array(weights[:, part.begin : part.end].copy(), names[1]))
        if first:
            names.append(f"{made}.bias")
            initializers.append(numpy_helper.from_array(bias, names[2]))
        return helper.make_node("Conv", names, [made], kernel_shape=[1, 1])

    heads = [part.deformable for part in parts if part.deformable is not None]
    early = [part for part in parts if part.pixel is not None and part.deformable is None]
    needed = {at for part in early for at in _needs(graph, part.name, min(heads))}
    if any(graph.nodes[at].op_type in ("DeformConv", "Concat") for at in needed):
        early, needed = [], set()
    later = sorted(
        (part for part in parts if part not in early),
        key=lambda part: math.inf if part.deformable is None else part.deformable,
    )
    begun: list[NodeProto] = [graph.nodes[at] for at in sorted(needed)]
    summed: list[NodeProto] = []
    total = ""
    for part in (*early, *later):
        nodes = begun if part in early else summed
        resize = part.pixel if part in early else None
        made = convolution(part, part.name if resize is None else resize.input[0], first=not total)
        nodes.append(made)
        if resize is not None:
            size = graph.array(resize.input[3]).copy()
            size[1] = len(weights)
            larger = f"{made.output[0]}.resized"
            initializers.append(numpy_helper.from_array(size, f"{larger}.size"))
            made = helper.make_node("Resize", [made.output[0], "", "", f"{larger}.size"], [larger])
            made.attribute.extend(resize.attribute)
            nodes.append(made)
        if total:
            sum_of = f"{result}.to.{part.begin}"
            nodes.append(helper.make_node("Add", [made.output[0], total], [sum_of]))
            total = sum_of
        else:
            total = made.output[0]
    summed[-1].output[0] = result
    changes.before.setdefault(min(heads), []).extend(begun)
    changes.instead[index] = summed
    changes.moved |= needed


def _needs(graph: Graph, name: str, first: int) -> set[int]:
    """The nodes behind `first` that the value needs."""
    found: set[int] = set()
    waiting = [name]
    while waiting:
        index = graph.makers.get(waiting.pop(), -1)
        if index > first and index not in found:
            found.add(index)
            waiting.extend(onnx_graph.uses(graph.nodes[index]))
    return found
