"""float32 graphs for a GPU: what it computes many times as fast in float16 does so, the rest stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import deferred, onnx_graph
from .onnx_graph import FLOAT, Types
from .request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

_HEAVY = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
_LIGHT = frozenset({"Relu", "LeakyRelu", "PRelu", "Clip", "Add", "Mul", "Sub", "MaxPool", "AveragePool"})
_NEUTRAL = frozenset(
    {"Concat", "Transpose", "Reshape", "Slice", "Split", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Pad"}
)
"""These only move values: narrow where all that they read is."""

_LARGEST = 65504.0


def narrow_to_float16(model: ModelProto, request: Request) -> None:
    """Weights and activations of convolutions and products, and of what lies between them, become float16.

    In float32 stay: the convolutions that read the picture and those that only the output follows; whatever divides,
    exponentiates, sums up or resizes (Sigmoid, Softmax, normalisations, Resize); the graph's output, and its input (see
    `narrow_input`). A graph that has float16 in it already was made so by someone, and is left alone.
    """
    from onnx import TensorProto, helper

    if not request.narrow or any(t.data_type == TensorProto.FLOAT16 for t in onnx_graph.tensors(model)):
        return
    graph = model.graph
    types = onnx_graph.types(model)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    chosen = _chosen(model, types)
    narrow_made = {name for node in graph.node if node.output[0] in chosen for name in node.output}

    def is_float(name: str) -> bool:
        if name in constants:
            return bool(constants[name].data_type == FLOAT)
        return name in types and types[name].elem_type == FLOAT

    nodes: list[NodeProto] = []
    copies: dict[tuple[str, bool], str] = {}

    def as_type(name: str, narrow: bool) -> str:
        """The name of that value in float16 or float32, made where it is not there yet."""
        if not name or not is_float(name) or (name in narrow_made) == narrow:
            return name
        key = name, narrow
        if key not in copies:
            copies[key] = f"{name}/{'float16' if narrow else 'float32'}"
            if name in constants:
                half = deferred.changed(constants[name], copies[key], TensorProto.FLOAT16, _halved)
                graph.initializer.append(half)
            else:
                to = TensorProto.FLOAT16 if narrow else TensorProto.FLOAT
                nodes.append(helper.make_node("Cast", [name], [copies[key]], name=copies[key], to=to))
        return copies[key]

    for node in graph.node:
        narrow = node.output[0] in chosen
        if not any(onnx_graph.subgraphs(node)):  # what a subgraph reads is float32: `_chosen` left its makers alone
            node.input[:] = [as_type(name, narrow) for name in node.input]
        nodes.append(node)
    onnx_graph.set_nodes(graph, nodes)
    onnx_graph.sweep(graph)


def narrow_input(model: ModelProto, request: Request) -> None:
    """The picture of a graph with float16 in it comes in float16: half of what travels to a GPU.

    The same bits where the graph makes float16 of it first of all, as published float16 files do. What else reads it is
    given it in float32 again, up to 1/16 of a level from where it was.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    if not request.narrow or len(graph.input) != 1:
        return
    if not any(tensor.data_type == TensorProto.FLOAT16 for tensor in onnx_graph.tensors(model)):
        return
    port = graph.input[0]
    readers = [node for node in graph.node if port.name in onnx_graph.uses(node)]
    if port.type.tensor_type.elem_type != FLOAT or any(any(onnx_graph.subgraphs(node)) for node in readers):
        return
    port.type.tensor_type.elem_type = TensorProto.FLOAT16
    others = [node for node in readers if not _makes(node, TensorProto.FLOAT16)]
    if others:
        wide = f"{port.name}/float32"
        for node in others:
            node.input[:] = [wide if name == port.name else name for name in node.input]
        graph.node.insert(0, helper.make_node("Cast", [port.name], [wide], name=wide, to=FLOAT))


def _makes(node: NodeProto, kind: int) -> bool:
    """Whether it is a Cast to that type."""
    return node.op_type == "Cast" and any(
        attribute.name == "to" and attribute.i == kind for attribute in node.attribute
    )


def _halved(values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.clip(values.astype(np.float32), -_LARGEST, _LARGEST).astype(np.float16)


def _chosen(model: ModelProto, types: Types) -> set[str]:
    """The nodes to compute in float16, each by its first result."""
    graph = model.graph
    held = {name for node in graph.node if any(onnx_graph.subgraphs(node)) for name in onnx_graph.uses(node)}
    held |= {output.name for output in graph.output}
    constants = {tensor.name for tensor in graph.initializer}
    followed: set[str] = set()  # values that a heavy node reads, itself or by way of others
    for node in reversed(graph.node):
        if node.op_type in _HEAVY or followed.intersection(node.output):
            followed.update(node.input)
    behind: set[str] = set()  # values behind a first heavy node
    chosen: set[str] = set()
    narrow: set[str] = set()
    for node in graph.node:
        read = [name for name in node.input if name and name not in constants]
        deep = bool(behind.intersection(read))
        if node.op_type in _HEAVY or deep:
            behind.update(node.output)
        if node.domain not in ("", "ai.onnx") or held.intersection(node.output):
            continue
        if not all(name in types for name in (*read, *node.output)):
            continue
        ends = not followed.intersection(node.output)
        take = (
            (node.op_type in _HEAVY and deep and not ends)
            or (node.op_type in _LIGHT and bool(narrow.intersection(read)) and not ends)
            or (node.op_type in _NEUTRAL and bool(read) and _moved(node) <= narrow)
        )
        if take:
            chosen.add(node.output[0])
            narrow.update(node.output)
    return chosen


def _moved(node: NodeProto) -> set[str]:
    """What a neutral node moves: not the shapes and positions that it reads."""
    return set(node.input) if node.op_type == "Concat" else {node.input[0]}
