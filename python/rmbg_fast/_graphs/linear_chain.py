"""Linear layers with what a transformer has around them, as exporters write it, read from the first by structure."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import linear
from .graph_index import Graph, attributes_of, only_reader, text
from .linear import Linear
from .matching import NO_CHAIN, constant, need
from .moving import sizes

if TYPE_CHECKING:
    from onnx import NodeProto

_NEAR = 1e-6  # of the root of 2, as float32 or float16 has it


@dataclass(frozen=True)
class Norm:
    """LayerNorm of the last axis; `shift` may be ""."""

    scale: str
    shift: str
    epsilon: float


@dataclass
class Chain:
    """One that was found: of one layer, or of two with GELU between."""

    source: str
    norm: Norm | None
    layers: list[Linear]
    residual: str  # "": there is none
    result: str
    inside: set[int]


def find(graph: Graph, node: NodeProto) -> Chain:
    """What begins with the layer of this MatMul or Gemm. Raises one of NO_CHAIN: nothing worth a node of its own."""
    first = linear.layer_from(graph, node)
    inside = {graph.makers[node.output[0]], graph.makers[first.result]}
    source, norm = _normalised(graph, first.source, inside)
    layers = [first]
    with suppress(*NO_CHAIN):
        layers.append(_second(graph, first, inside))
    result, residual = _with_residual(graph, layers[-1].result, inside)
    need(norm is not None or len(layers) > 1 or residual != "")
    sizes(graph, result)  # they must be known: nobody else can tell the shape of what our own node makes
    return Chain(source, norm, layers, residual, result, inside)


def _normalised(graph: Graph, name: str, inside: set[int]) -> tuple[str, Norm | None]:
    """What a LayerNormalization for this layer alone reads, and its numbers; else the value itself."""
    node = graph.maker(name)
    if node is None or node.op_type != "LayerNormalization" or not only_reader(graph, name) or any(node.output[1:]):
        return name, None
    attributes = attributes_of(node)
    shape = graph.shapes.get(name)
    scale, shift = node.input[1], node.input[2] if len(node.input) > 2 else ""
    last = shape is not None and attributes.get("axis", -1) in (-1, len(shape) - 1)
    known = all(each in graph.constants and len(graph.array_shape(each)) == 1 for each in (scale, shift) if each)
    if not last or not known:
        return name, None
    inside.add(graph.makers[name])
    return node.input[0], Norm(scale, shift, float(attributes.get("epsilon", 1e-5)))


def _second(graph: Graph, first: Linear, inside: set[int]) -> Linear:
    """The layer behind the GELU that alone reads the first one's result."""
    nodes: set[int] = set()
    name = _gelu(graph, first.result, nodes)
    need(only_reader(graph, name))
    node = graph.nodes[graph.readers[name][0]]
    need(node.input[0] == name)
    second = linear.layer_from(graph, node)
    nodes |= {graph.makers[node.output[0]], graph.makers[second.result]}
    _alone(graph, first.result, nodes)
    inside |= nodes
    return second


def _alone(graph: Graph, name: str, nodes: set[int]) -> None:
    """Nobody else reads the value."""
    need(name not in graph.outputs and nodes.issuperset(graph.readers.get(name, [])))


def _gelu(graph: Graph, x: str, inside: set[int]) -> str:
    """What is x (1 + erf(x / sqrt 2)) / 2, in any order of its factors; its nodes are added to `inside`."""
    nodes = [graph.nodes[index] for index in graph.readers.get(x, [])]
    if len(nodes) == 1 and nodes[0].op_type == "Gelu":
        need(text(attributes_of(nodes[0]).get("approximate"), "none") == "none")
        result: str = nodes[0].output[0]
        inside.add(graph.makers[result])
        return result
    halves = {x: False}  # what is x, and what is its half
    scaled = ""
    for node in nodes:
        number = _number(graph, node)
        if number is None:
            continue
        if node.op_type == "Mul" and number == 0.5:
            halves[node.output[0]] = True
        elif abs(number - (math.sqrt(0.5) if node.op_type == "Mul" else math.sqrt(2))) <= _NEAR:
            need(scaled == "" and (node.op_type == "Mul" or (node.op_type == "Div" and node.input[0] == x)))
            scaled = node.output[0]
    erf = _reader(graph, scaled, "Erf")
    plus = _reader(graph, erf.output[0], "Add")
    need(_number(graph, plus) == 1)
    inside |= {graph.makers[name] for name in (scaled, erf.output[0], plus.output[0])}
    name: str = plus.output[0]
    halved = multiplied = False
    while not (halved and multiplied):
        node = _reader(graph, name, "Mul")
        inside.add(graph.makers[node.output[0]])
        number = _number(graph, node)
        if number is not None:
            need(number == 0.5 and not halved)
            halved = True
        else:
            (other,) = (each for each in node.input if each != name)
            need(other in halves and not multiplied and not (halved and halves[other]))
            if other != x:
                inside.add(graph.makers[other])
                _alone(graph, other, inside)
            multiplied, halved = True, halved or halves[other]
        name = node.output[0]
    return name


def _reader(graph: Graph, name: str, op: str) -> NodeProto:
    """The only one, which must be of this kind."""
    need(name != "" and only_reader(graph, name))
    node = graph.nodes[graph.readers[name][0]]
    need(node.op_type == op)
    return node


def _number(graph: Graph, node: NodeProto) -> float | None:
    """The one number that is among the operands of a node of two."""
    numbers = [name for name in node.input if name in graph.constants]
    if len(node.input) != 2 or len(numbers) != 1:
        return None
    shape = graph.array_shape(numbers[0])
    return float(constant(graph, numbers[0]).item()) if math.prod(shape) == 1 and len(shape) <= 1 else None


def _with_residual(graph: Graph, name: str, inside: set[int]) -> tuple[str, str]:
    """The sum that alone reads the value, perhaps reshaped, and what it adds; else the value itself, and ""."""
    nodes: set[int] = set()
    last = name
    try:
        channels = sizes(graph, name)[-1]
        while True:
            need(only_reader(graph, last))
            node = graph.nodes[graph.readers[last][0]]
            nodes.add(graph.makers[node.output[0]])
            if node.op_type != "Reshape":
                break
            last = node.output[0]
            need(sizes(graph, last)[-1] == channels)
        need(node.op_type == "Add")
        (other,) = (str(each) for each in node.input if each != last)
        need(other not in graph.constants and sizes(graph, other) == sizes(graph, last))
    except NO_CHAIN:
        return name, ""
    inside |= nodes
    return str(node.output[0]), other
