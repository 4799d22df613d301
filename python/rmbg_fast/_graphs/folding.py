"""What always gives the same becomes a constant: nodes of known inputs, and batch norms behind convolutions."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from . import deferred, onnx_graph
from .onnx_graph import FLOAT, Constants, Types
from .request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_FOLD_LIMIT = 1 << 20  # bytes of a constant that folding may read or make


def fold_constants(model: ModelProto, request: Request) -> None:
    """Nodes that always give the same (Constant, Shape of a known shape, what follows from them) become initializers.

    What would be above 1 MB, is random or a step of quantization stays.
    """
    from onnx import numpy_helper

    graph = model.graph
    outputs = {output.name for output in graph.output}
    _take_constants(graph, outputs)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    known: Known = {}
    folded = True
    while folded:  # what is folded lets shape inference see further
        folded = False
        types = onnx_graph.types(model)
        for node in graph.node:
            if not outputs.isdisjoint(node.output):
                continue
            for name, value in _evaluate(node, model, types, constants, known).items():
                graph.initializer.append(numpy_helper.from_array(value, name))
                constants[name] = graph.initializer[-1]
                folded = True
        onnx_graph.keep(graph.node, lambda node: constants.keys().isdisjoint(node.output))
        folded = folded and any(_may_fold(node, constants) for node in graph.node)
    onnx_graph.sweep(graph)


def _may_fold(node: NodeProto, constants: Constants) -> bool:
    """Could it be a constant, if more shapes were known?"""
    return node.op_type in ("Shape", "Size") or all(name in constants for name in node.input if name)


def _take_constants(graph: GraphProto, outputs: set[str]) -> None:
    """The tensors of Constant nodes, of any size, become initializers."""
    taken = set()
    for node in graph.node:
        if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or node.output[0] in outputs:
            continue
        for attribute in node.attribute:
            if attribute.name == "value":
                attribute.t.name = node.output[0]
                graph.initializer.append(attribute.t)
                taken.add(node.output[0])
    onnx_graph.keep(graph.node, lambda node: taken.isdisjoint(node.output))


def fold_batch_norm(model: ModelProto, request: Request) -> None:
    """A BatchNormalization behind a convolution of its own becomes a part of that one's weights and bias."""
    import numpy as np
    from onnx import numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    uses: dict[str, int] = {output.name: 1 for output in graph.output}
    for node in onnx_graph.nodes(model):
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    for node in list(graph.node):
        conv = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if (
            conv is None
            or conv.op_type not in _BIAS_INPUT
            or uses[conv.output[0]] > 1
            or len([n for n in node.output if n]) > 1
        ):
            continue
        place = _BIAS_INPUT[conv.op_type]
        biased = len(conv.input) > place and conv.input[place] != ""
        names = [*node.input[1:5], conv.input[1], *conv.input[place : place + biased]]
        if any(name not in constants or constants[name].data_type != FLOAT for name in names):
            continue
        scale, shift, mean, variance = (_float64(constants[name]) for name in node.input[1:5])
        bias = _float64(constants[conv.input[place]]) if biased else 0.0
        factor = scale / np.sqrt(variance + next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5))
        weights = constants[conv.input[1]]
        folded = [f"{node.output[0]}.weight", f"{node.output[0]}.bias"]
        graph.initializer.append(deferred.changed(weights, folded[0], FLOAT, partial(_scaled, factor)))
        shifted = ((bias - mean) * factor + shift).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(shifted, folded[1]))
        conv.input[1] = folded[0]
        conv.input[:] = [*conv.input[:place], folded[1], *conv.input[place + 1 :]]
        conv.output[0] = node.output[0]
        graph.node.remove(node)
    onnx_graph.sweep(graph)


_BIAS_INPUT = {"Conv": 2, "DeformConv": 3}


def _float64(tensor: TensorProto) -> NDArray[Any]:
    values: NDArray[Any] = onnx_graph.array(tensor).astype("float64")
    return values


def _scaled(factor: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """The weights, those of each output times its factor."""
    scaled: NDArray[Any] = weights.astype("float64") * factor.reshape(-1, *[1] * (weights.ndim - 1))
    return scaled.astype("float32")


_NEVER_FOLDED = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
                 "Dropout", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}  # fmt: skip


Known = dict[Any, list["NDArray[Any]"]]
"""What operators gave, by all that they were given: a graph works out the same sizes in each of its blocks."""
_SMALL = 1 << 10  # bytes of a constant that is remembered in this way


def _evaluate(
    node: NodeProto, model: ModelProto, types: Types, constants: Constants, known: Known
) -> dict[str, NDArray[Any]]:
    """What the node always gives, by name; empty if that is not known, too large, or not ours to say."""
    import numpy as np
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    if node.domain not in ("", "ai.onnx") or node.op_type in _NEVER_FOLDED or any(onnx_graph.subgraphs(node)):
        return {}
    if node.op_type in ("Shape", "Size"):
        shape = onnx_graph.shape(types.get(node.input[0]))
        if shape is None:
            return {}
        span = {attribute.name: attribute.i for attribute in node.attribute}
        sizes = shape[span.get("start", 0) : span.get("end")]
        return {node.output[0]: np.array(sizes if node.op_type == "Shape" else math.prod(shape), np.int64)}
    if any(name and name not in constants for name in node.input):
        return {}
    weights = {name: constants[name] for name in node.input if name}
    results = [name for name in node.output if name]
    given = _given(node, weights)
    if given in known:
        return dict(zip(results, known[given], strict=True))
    try:
        if any(deferred.nbytes(tensor) > _FOLD_LIMIT or deferred.is_deferred(tensor) for tensor in weights.values()):
            return {}
        expected = {name: types[name] for name in results if onnx_graph.shape(types.get(name)) is not None}
        if len(expected) < len(results):
            expected = _inferred(node, model, list(weights.values()))
        for name in results:
            shape = onnx_graph.shape(expected.get(name))
            if shape is None or math.prod(shape) * 8 > _FOLD_LIMIT:
                return {}
        # Of a model: of a node alone it takes the newest version of an operator, whatever the opset.
        values = ReferenceEvaluator(_alone(node, model, list(weights.values()))).run(results, {})
    except Exception:  # the reference does not know this op, or this use of it: the runtime will do it
        return {}
    found = {name: np.asarray(value) for name, value in zip(results, values, strict=True)}
    for name, value in found.items():
        if helper.np_dtype_to_tensor_dtype(value.dtype) != expected[name].elem_type or value.dtype == object:
            return {}
    if given is not None:
        known[given] = list(found.values())
    return found


def _given(node: NodeProto, weights: Constants) -> object:
    """All that decides what the node gives, but for names; None: too much to remember."""
    if any(deferred.is_deferred(tensor) or deferred.nbytes(tensor) > _SMALL for tensor in weights.values()):
        return None
    arrays = {name: onnx_graph.array(tensor) for name, tensor in weights.items()}
    values = [(array.dtype, array.shape, array.tobytes()) if array is not None else None
              for array in map(arrays.get, node.input)]  # fmt: skip
    attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
    return node.op_type, tuple(attributes), tuple(values), tuple(map(bool, node.output))


def _inferred(node: NodeProto, model: ModelProto, weights: list[TensorProto]) -> Types:
    """Types and shapes of what one node gives for these constants."""
    from onnx import shape_inference

    inferred = shape_inference.infer_shapes(_alone(node, model, weights), data_prop=True).graph.value_info
    return {value.name: value.type.tensor_type for value in inferred}


def _alone(node: NodeProto, model: ModelProto, weights: list[TensorProto]) -> ModelProto:
    """A model of the one node and its constants."""
    from onnx import helper

    return helper.make_model(
        helper.make_graph([node], "one", [], [], initializer=weights),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
