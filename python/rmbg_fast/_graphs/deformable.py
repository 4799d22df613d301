"""Deformable convolutions that an exporter spelled out become `DeformConv` again.

Exporters that know no `DeformConv` write it as bilinear sampling and a convolution, in one of two ways:

- all taps at once: GatherND fetches the four neighbours of every sample from a padded map, and their weighted sum,
  with the taps laid side by side, meets a convolution whose stride is its kernel (`deform_conv2d_onnx_exporter`);
- tap by tap: GridSample, a 1x1 convolution each, and their sum (`rmbg_fast.convert`).

Both are found by structure, whatever the nodes are called. Positions, borders, clips and padding are checked to be
those of the operator (https://onnx.ai/onnx/operators/onnx__DeformConv.html); anything else is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from . import deferred, graph_index, onnx_graph
from .deformable_chain import Deformable
from .deformable_gathered import gathered
from .deformable_sampled import sampled
from .graph_index import Graph, only_reader
from .matching import Mismatch, summands
from .onnx_graph import FLOAT
from .opsets import raise_opset
from .request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

OPSET = 19
"""The first with DeformConv."""


_NO_CHAIN = Mismatch, KeyError, ValueError
"""KeyError: a node lacks an attribute that the chain's has; ValueError: it has more or fewer operands."""


def recover_deformable(model: ModelProto, request: Request) -> None:
    """Chains that stand for a deformable convolution become one node; the model's opset is at least 19 then."""
    from onnx import helper

    graph = model.graph
    if (
        not request.deformable
        or model.functions
        or all(node.op_type not in ("GatherND", "GridSample") for node in graph.node)
    ):
        return  # the index needs shape inference, which takes its time
    index = graph_index.of(model)
    found = {each.result: each for each in _found(index)}
    if not found or not raise_opset(model, OPSET):
        return
    nodes: list[NodeProto] = []
    for node in graph.node:
        each = found.get(node.output[0])
        if each is None:
            nodes.append(node)
            continue
        weight = _weight(index, each, graph.initializer)
        bias = _bias(index, each, graph.initializer)
        nodes.append(
            helper.make_node(
                "DeformConv",
                [each.source, weight, each.offset, bias, each.mask],
                [each.result],
                name=node.name,
                kernel_shape=each.kernel,
                strides=each.strides,
                dilations=each.dilations,
                pads=each.pads,
                offset_group=each.groups,
            )
        )
    onnx_graph.set_nodes(graph, nodes)
    onnx_graph.sweep(graph)


def _found(graph: Graph) -> Iterator[Deformable]:
    for node in graph.nodes:
        if node.op_type != "Conv" or node.input[1] not in graph.constants:
            continue
        try:
            each = gathered(graph, node)
        except _NO_CHAIN:
            continue
        yield _with_bias(graph, each)
    taken: set[str] = set()
    for node in reversed(graph.nodes):  # the last Add of a sum first: its parts are sums too
        if node.op_type not in ("Conv", "Add", "Sum") or node.output[0] in taken:
            continue
        parts, inner = summands(graph, node.output[0])
        try:
            each = sampled(graph, node.output[0], parts)
        except _NO_CHAIN:
            continue
        taken |= inner
        yield _with_bias(graph, each)


def _with_bias(graph: Graph, found: Deformable) -> Deformable:
    """It with the bias of an Add behind it."""
    if found.bias or not only_reader(graph, found.result):
        return found
    node = graph.nodes[graph.readers[found.result][0]]
    others = [name for name in node.input if name in graph.constants]
    channels = graph.array_shape(found.weights[0])[0]
    if node.op_type == "Add" and len(others) == 1 and graph.array_shape(others[0])[-3:] == [channels, 1, 1]:
        return replace(found, bias=others[0], result=node.output[0])
    return found


def _weight(graph: Graph, found: Deformable, initializers: Any) -> str:
    if len(found.weights) == 1:
        return found.weights[0]
    name = f"{found.result}.taps"
    tensors = [graph.constants[each] for each in found.weights]
    out, channels = tensors[0].dims[:2]
    values = partial(_stacked, [deferred.values_of(tensor) for tensor in tensors], found.kernel)
    initializers.append(deferred.tensor(name, FLOAT, [out, channels, *found.kernel], values))
    return name


def _stacked(taps: list[deferred.Values], kernel: tuple[int, int]) -> NDArray[Any]:
    import numpy as np

    stacked = np.concatenate([values() for values in taps], 3)
    return np.ascontiguousarray(stacked.reshape(*stacked.shape[:2], *kernel))


def _bias(graph: Graph, found: Deformable, initializers: Any) -> str:
    if not found.bias or len(graph.array_shape(found.bias)) == 1:
        return found.bias
    from onnx import numpy_helper

    name = f"{found.result}.bias"
    initializers.append(numpy_helper.from_array(graph.array(found.bias).reshape(-1), name))
    return name
