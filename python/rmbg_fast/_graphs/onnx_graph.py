"""ONNX graphs in memory: walking, sorting, sweeping, inferring. Nothing here copies weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import deferred

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

Types = dict[str, "TypeProto.Tensor"]
Constants = dict[str, "TensorProto"]

# Of onnx's enumerations, without importing it at each of a hundred thousand calls.
FLOAT = 1  # TensorProto.FLOAT
_GRAPH, _GRAPHS = 5, 10  # AttributeProto.GRAPH, GRAPHS
_LIGHT = 1 << 12  # values of a constant that shape inference is shown


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == _GRAPH:
            yield attribute.g
        elif attribute.type == _GRAPHS:
            yield from attribute.graphs


def graphs(model: ModelProto) -> Iterator[GraphProto]:
    """The graph and all graphs inside it."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            waiting.extend(subgraphs(node))


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """All nodes: of the graph, of the graphs inside it, and of the model's own functions."""
    for graph in graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """All tensors that the model holds: initializers (the values of sparse ones too) and attributes."""
    from onnx import AttributeProto

    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield sparse.values
    for node in nodes(model):
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == AttributeProto.SPARSE_TENSOR:
                yield attribute.sparse_tensor.values
            yield from attribute.tensors


def uses(node: NodeProto) -> set[str]:
    """The names that the node reads, those that its subgraphs take from outside included."""
    names = {name for name in node.input if name}
    for graph in subgraphs(node):
        names.update(output.name for output in graph.output)
        for inner in graph.node:
            names |= uses(inner)
    return names


def sort(graph: GraphProto) -> None:
    """Put each node behind those that it reads from: float16 converters leave their Casts at the end."""
    from graphlib import CycleError, TopologicalSorter

    makers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: {makers[name] for name in uses(node) if name in makers} for i, node in enumerate(graph.node)}
    if all(need < index for index, all_needs in needs.items() for need in all_needs):
        return
    with suppress(CycleError):  # the checker will say so
        order = list(TopologicalSorter(needs).static_order())
        rank = {tuple(graph.node[index].output): position for position, index in enumerate(order)}
        graph.node.sort(key=lambda node: rank[tuple(node.output)])


def sweep(graph: GraphProto) -> None:
    """Remove the nodes and initializers that no output needs."""
    needed = {output.name for output in graph.output}
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed |= uses(node)
    keep(graph.node, lambda node: not needed.isdisjoint(node.output))
    keep(graph.value_info, lambda value: value.name in needed)
    keep(graph.initializer, lambda tensor: tensor.name in needed)
    keep(graph.sparse_initializer, lambda sparse: sparse.values.name in needed)


def set_nodes(graph: GraphProto, nodes: list[NodeProto]) -> None:
    """Make these the graph's nodes; some of them may be in it already."""
    copies = [node.__class__.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def keep(items: Any, wanted: Callable[[Any], bool]) -> None:
    """Delete in place what is not wanted: a new list would copy the weights."""
    for index in reversed(range(len(items))):
        if not wanted(items[index]):
            del items[index]


def light(model: ModelProto) -> ModelProto:
    """The model with its large initializers turned into inputs: all that checks and shape inference need, and small."""
    from onnx import ModelProto, helper

    light = ModelProto(ir_version=max(model.ir_version, 4))
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph = light.graph
    graph.name = model.graph.name or "graph"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)  # of nodes of our own, which nobody can infer
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    inputs = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _LIGHT and not deferred.is_deferred(tensor):
            graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def check(model: ModelProto, *, full: bool) -> None:
    from onnx import checker

    checker.check_model(light(model), full_check=full)


def types(model: ModelProto) -> Types:
    """Element type and shape of what can be inferred, by name."""
    from onnx import helper, shape_inference

    try:
        graph = shape_inference.infer_shapes(light(model), data_prop=True).graph
    except Exception:  # nothing is known then, and nothing is done that needs it
        return {}
    types = {value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims).tensor_type
    return types


def shape(tensor: TypeProto.Tensor | None) -> list[int] | None:
    """The shape, if it is wholly known."""
    if tensor is None or not tensor.HasField("shape"):
        return None
    if not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    return [dim.dim_value for dim in tensor.shape.dim]


def array(tensor: TensorProto) -> NDArray[Any]:
    return deferred.values_of(tensor)()


def size(model: ModelProto) -> int:
    """Bytes of the model with all its weights."""
    kept = [tensor for tensor in model.graph.initializer if deferred.is_deferred(tensor)]
    return int(model.ByteSize()) + sum(map(deferred.nbytes, kept))


def opset(model: ModelProto) -> int:
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
