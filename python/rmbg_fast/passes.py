"""The passes that make a graph ready: each is a function that changes a ModelProto in place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import graphs, network, nodes
from .errors import ModelError
from .graphs import Constants, Types
from .plan import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TypeProto

LIMIT = 2**31 - 1
"""Bytes that one protobuf message can hold."""

NOTE = "rmbg_fast.convolutions"
"""The metadata entry that says which convolutions became a part of a network, and which did not (JSON)."""

_FOLD_LIMIT = 1 << 20  # bytes of a constant that folding may read or make


@dataclass(frozen=True)
class Plan:
    """What the passes are to make: `output` is the graph output to keep, by name or index; `widen` float16 or not;
    `network`: our own convolutions or the runtime's."""

    output: str | int
    widen: bool = True
    network: bool = False


Pass = Callable[["ModelProto", Plan], None]



def keep_output(model: ModelProto, plan: Plan) -> None:
    """Only the asked output stays, and what it needs; initializers are no longer inputs too (as before IR 4)."""
    graph = model.graph
    there = [output.name for output in graph.output]
    try:
        chosen = there.index(plan.output) if isinstance(plan.output, str) else range(len(there))[plan.output]
    except (ValueError, IndexError) as exc:
        raise ModelError(f"the model has no output {plan.output!r}; it has {', '.join(there)}") from exc
    graphs.keep(graph.output, lambda output: output.name == there[chosen])
    weights = {tensor.name for tensor in graph.initializer}
    graphs.keep(graph.input, lambda value: value.name not in weights)
    model.ir_version = max(model.ir_version, 4)
    graphs.sweep(graph)


def widen_float16(model: ModelProto, plan: Plan) -> None:
    """Every float16 becomes float32: weights, constants, Cast targets, and the types of inputs and outputs."""
    from onnx import AttributeProto, TensorProto, numpy_helper

    if not plan.widen:
        return
    narrow = [tensor for tensor in graphs.tensors(model) if tensor.data_type == TensorProto.FLOAT16]
    if model.ByteSize() + sum(2 * math.prod(tensor.dims) for tensor in narrow) > LIMIT:
        raise ValueError("with float32 weights the model would be over 2 GB")
    for tensor in narrow:
        wide = numpy_helper.to_array(tensor).astype("float32")
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
    for graph in graphs.graphs(model):
        for value in (*graph.input, *graph.output):
            _widen_type(value.type)
    for node in graphs.nodes(model):
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TYPE_PROTO:
                _widen_type(attribute.tp)
            elif attribute.name in _TYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT


_TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype", "output_datatype", "softmax_precision"}


def fold_constants(model: ModelProto, plan: Plan) -> None:
    """Nodes that always give the same (Constant, Shape of a known shape, what follows from them) become initializers.

    What is above 1 MB, random or a step of quantization stays.
    """
    from onnx import numpy_helper

    graph = model.graph
    outputs = {output.name for output in graph.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    folded = True
    while folded:  # what is folded lets shape inference see further
        folded = False
        types = graphs.types(model)
        for node in graph.node:
            if not outputs.isdisjoint(node.output):
                continue
            for name, value in _evaluate(node, model, types, constants).items():
                graph.initializer.append(numpy_helper.from_array(value, name))
                constants[name] = graph.initializer[-1]
                folded = True
        graphs.keep(graph.node, lambda node: constants.keys().isdisjoint(node.output))
    graphs.sweep(graph)


def remove_noops(model: ModelProto, plan: Plan) -> None:
    """Identity, Dropout (which does nothing at inference) and Casts to the type that is there go."""
    graph = model.graph
    types = graphs.types(model)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    made = {name for node in graph.node for name in node.output}
    opset = graphs.opset(model)
    renamed: dict[str, str] = {}
    removed: set[str] = set()

    def now(name: str) -> str:
        while name in renamed:
            name = renamed[name]
        return name

    used = {name for node in graph.node for name in graphs.uses(node)}
    for node in graph.node:
        if not _is_noop(node, types, constants, used, opset):
            continue
        before, after = now(node.input[0]), node.output[0]
        if after not in outputs:
            renamed[after] = before
        elif before in made and before not in outputs:
            renamed[before] = after  # the graph's output keeps its name: what was its input takes that
        else:
            continue
        removed.add(after)
    graphs.keep(graph.node, lambda node: not removed.intersection(node.output))
    for node in graph.node:
        node.output[:] = [now(name) for name in node.output]
    for node in graphs.nodes(model):
        if any(name in renamed for name in node.input):
            node.input[:] = [now(name) for name in node.input]
    graphs.sweep(graph)


def _is_noop(node: NodeProto, types: Types, constants: Constants, used: set[str], opset: int) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type == "Cast":
        known = types.get(node.input[0])
        return known is not None and any(a.name == "to" and a.i == known.elem_type for a in node.attribute)
    if node.op_type == "Dropout":
        if opset < 7 or any(name in used for name in node.output[1:]):
            return False
        training = node.input[2] if len(node.input) > 2 else ""
        return not training or (training in constants and not bool(graphs.array(constants[training])))
    return node.op_type == "Identity"


def _widen_type(value: TypeProto) -> None:
    from onnx import TensorProto

    kind = value.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(value, kind)
        if tensor.elem_type == TensorProto.FLOAT16:
            tensor.elem_type = TensorProto.FLOAT
    elif kind in ("sequence_type", "optional_type"):
        _widen_type(getattr(value, kind).elem_type)


def fold_batch_norm(model: ModelProto, plan: Plan) -> None:
    """A BatchNormalization behind a Conv of its own becomes a part of the Conv's weights and bias."""
    import numpy as np
    from onnx import numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    uses: dict[str, int] = {output.name: 1 for output in graph.output}
    for node in graphs.nodes(model):
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    for node in list(graph.node):
        conv = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if conv is None or conv.op_type != "Conv" or uses[conv.output[0]] > 1 or len([n for n in node.output if n]) > 1:
            continue
        names = [*node.input[1:5], *conv.input[1:]]
        if any(name not in constants or constants[name].data_type != _FLOAT for name in names):
            continue
        scale, shift, mean, variance = (graphs.array(constants[name]).astype(np.float64) for name in node.input[1:5])
        weights = graphs.array(constants[conv.input[1]]).astype(np.float64)
        bias = graphs.array(constants[conv.input[2]]).astype(np.float64) if len(conv.input) > 2 else 0.0
        factor = scale / np.sqrt(variance + next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5))
        folded = {
            f"{node.output[0]}.weight": weights * factor.reshape(-1, *[1] * (weights.ndim - 1)),
            f"{node.output[0]}.bias": (bias - mean) * factor + shift,
        }
        for name, value in folded.items():
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        del conv.input[1:]
        conv.input.extend(folded)
        conv.output[0] = node.output[0]
        graph.node.remove(node)
    graphs.sweep(graph)


_FLOAT = 1  # TensorProto.FLOAT


def compile_network(model: ModelProto, plan: Plan) -> None:
    """What our own kernels do faster than the runtime becomes `Network` nodes (see network.py)."""
    import numpy as np
    from onnx import helper, numpy_helper

    if not plan.network:
        return
    graph = model.graph
    shapes: dict[str, nodes.Shape] = {}
    for name, known in graphs.types(model).items():
        if known.elem_type == _FLOAT and known.HasField("shape"):
            shapes[name] = [dim.dim_value if dim.dim_value > 0 else None for dim in known.shape.dim]
    weights: list[Array] = []
    regions = network.compile_regions(
        nodes.Graph(
            list(graph.node),
            {tensor.name: tensor for tensor in graph.initializer},
            shapes,
            {output.name for output in graph.output},
            graphs.opset(model),
        ),
        weights,
    )
    replaced = {index for region in regions for index in region.nodes}
    names: dict[str, list[str]] = {"replaced": [], "left": []}
    for index, node in enumerate(graph.node):
        if node.op_type == "Conv":
            names["replaced" if index in replaced else "left"].append(node.name or node.output[0])
    model.metadata_props.add(key=NOTE, value=json.dumps(names))
    if not regions:
        return
    kept = [node for index, node in enumerate(graph.node) if index not in replaced]
    for number, region in enumerate(regions):
        kept.append(
            helper.make_node(
                network.OPERATOR,
                [network.WEIGHTS, *region.inputs],
                region.outputs,
                name=f"network_{number}",
                domain=network.DOMAIN,
                plan=region.plan,
            )
        )
    del graph.node[:]
    graph.node.extend(kept)
    graphs.sort(graph)
    graphs.sweep(graph)  # the original weights
    graph.initializer.append(numpy_helper.from_array(np.concatenate(weights), network.WEIGHTS))
    model.opset_import.append(helper.make_opsetid(network.DOMAIN, 1))


PASSES: list[Pass] = [keep_output, widen_float16, fold_constants, remove_noops, fold_batch_norm, compile_network]

# --- evaluation of one node ---

_NEVER_FOLDED = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
                 "Dropout", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}  # fmt: skip


def _evaluate(node: NodeProto, model: ModelProto, types: Types, constants: Constants) -> dict[str, NDArray[Any]]:
    """What the node always gives, by name; empty if that is not known, too large, or not ours to say."""
    import numpy as np
    from onnx import helper, shape_inference
    from onnx.reference import ReferenceEvaluator

    if node.domain not in ("", "ai.onnx") or node.op_type in _NEVER_FOLDED or any(graphs.subgraphs(node)):
        return {}
    if node.op_type in ("Shape", "Size"):
        shape = graphs.shape(types.get(node.input[0]))
        if shape is None:
            return {}
        span = {attribute.name: attribute.i for attribute in node.attribute}
        sizes = shape[span.get("start", 0) : span.get("end")]
        return {node.output[0]: np.array(sizes if node.op_type == "Shape" else math.prod(shape), np.int64)}
    inputs = [constants.get(name) for name in node.input if name]
    if any(tensor is None or tensor.ByteSize() > _FOLD_LIMIT for tensor in inputs):
        return {}
    weights = {tensor.name: tensor for tensor in inputs if tensor is not None}
    alone = helper.make_model(
        helper.make_graph([node], "one", [], [], initializer=list(weights.values())),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    results = [name for name in node.output if name]
    try:
        inferred = shape_inference.infer_shapes(alone, data_prop=True).graph.value_info
        expected = {value.name: value.type.tensor_type for value in inferred}
        for name in results:
            shape = graphs.shape(expected.get(name))
            if shape is None or math.prod(shape) * 8 > _FOLD_LIMIT:
                return {}
        values = ReferenceEvaluator(alone).run(results, {})
    except Exception:  # the reference does not know this op, or this use of it: the runtime will do it
        return {}
    known = {name: np.asarray(value) for name, value in zip(results, values, strict=True)}
    for name, value in known.items():
        if helper.np_dtype_to_tensor_dtype(value.dtype) != expected[name].elem_type or value.dtype == object:
            return {}
    return known
