"""Linear layers of tokens in a graph: MatMul and perhaps Add, or Gemm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import deferred
from .graph_index import Graph, attributes_of, only_reader
from .matching import need

if TYPE_CHECKING:
    from onnx import NodeProto


@dataclass(frozen=True)
class Linear:
    """x W' + b of each token, W' the weights as they lie, or transposed."""

    source: str
    weight: str
    transposed: bool
    bias: str
    result: str


def layer(graph: Graph, node: NodeProto, bias: str, result: str) -> Linear:
    """The layer that a Gemm is, or a MatMul with `bias`, added behind it, that make `result`. Raises Mismatch."""
    need(node.op_type in ("MatMul", "Gemm") and node.input[1] in graph.constants)
    transposed = False
    if node.op_type == "Gemm":
        attributes = attributes_of(node)
        need(attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1 and not attributes.get("transA", 0))
        transposed = bool(attributes.get("transB", 0))
        bias = node.input[2] if len(node.input) > 2 else ""
    dims = graph.array_shape(node.input[1])
    need(len(dims) == 2 and node.input[0] not in graph.constants)
    outputs = dims[0] if transposed else dims[1]
    need(not bias or (bias in graph.constants and graph.array_shape(bias) == [outputs]))
    return Linear(node.input[0], node.input[1], transposed, bias, result)


def layer_from(graph: Graph, node: NodeProto) -> Linear:
    """The layer that begins with the MatMul or Gemm, with its bias where that follows. Raises Mismatch."""
    bias, result = "", node.output[0]
    if node.op_type == "MatMul" and only_reader(graph, result):
        after = graph.nodes[graph.readers[result][0]]
        biases = [each for each in after.input if each in graph.constants and len(graph.array_shape(each)) == 1]
        if after.op_type == "Add" and len(biases) == 1:
            bias, result = biases[0], after.output[0]
    return layer(graph, node, bias, result)


def sizes(graph: Graph, linear: Linear) -> tuple[int, int]:
    """Inputs and outputs."""
    first, second = graph.array_shape(linear.weight)
    return (second, first) if linear.transposed else (first, second)


def matrix(graph: Graph, linear: Linear) -> deferred.Values:
    """(inputs, outputs)"""
    values = deferred.values_of(graph.constants[linear.weight])
    return (lambda: values().T) if linear.transposed else values
