"""The passes that make a graph ready: each is a function that changes a ModelProto in place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ModelError
from . import deferred, graph_index, onnx_graph, regions
from .deformable import recover_deformable
from .folding import fold_batch_norm, fold_constants
from .joined import split_joined
from .linear_layers import fuse_linear_layers
from .narrow import narrow_input, narrow_to_float16
from .onnx_graph import FLOAT, Constants, Types
from .request import Request
from .sharing import share_weights
from .tail import move_before_resizes
from .weights import Packed
from .window_attention import attend_in_windows

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

LIMIT = 2**31 - 1
"""Bytes that one protobuf message can hold."""

NOTE = "rmbg_fast.convolutions"
"""The metadata entry that says which convolutions became a part of a network, and which did not (JSON)."""


Pass = Callable[["ModelProto", Request], None]


def keep_output(model: ModelProto, request: Request) -> None:
    """Only the asked output stays, and what it needs; initializers are no longer inputs too (as before IR 4)."""
    graph = model.graph
    there = [output.name for output in graph.output]
    try:
        chosen = there.index(request.output) if isinstance(request.output, str) else range(len(there))[request.output]
    except (ValueError, IndexError) as exc:
        raise ModelError(f"the model has no output {request.output!r}; it has {', '.join(there)}") from exc
    onnx_graph.keep(graph.output, lambda output: output.name == there[chosen])
    weights = {tensor.name for tensor in graph.initializer}
    onnx_graph.keep(graph.input, lambda value: value.name not in weights)
    model.ir_version = max(model.ir_version, 4)
    onnx_graph.sweep(graph)


def widen_float16(model: ModelProto, request: Request) -> None:
    """Every float16 becomes float32: weights, constants, Cast targets, and the types of inputs and outputs."""
    from onnx import AttributeProto, TensorProto

    if not request.widen:
        return
    narrow = [tensor for tensor in onnx_graph.tensors(model) if tensor.data_type == TensorProto.FLOAT16]
    if narrow and onnx_graph.size(model) + sum(2 * math.prod(tensor.dims) for tensor in narrow) > LIMIT:
        raise ValueError("with float32 weights the model would be over 2 GB")
    for tensor in narrow:
        tensor.CopyFrom(deferred.changed(tensor, tensor.name, FLOAT, lambda values: values.astype("float32")))
    for graph in onnx_graph.graphs(model):
        for value in (*graph.input, *graph.output):
            _widen_type(value.type)
    for node in onnx_graph.nodes(model):
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TYPE_PROTO:
                _widen_type(attribute.tp)
            elif attribute.name in _TYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT


_TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype", "output_datatype", "softmax_precision"}


def remove_noops(model: ModelProto, request: Request) -> None:
    """Identity, Dropout (which does nothing at inference) and Casts to the type that is there go."""
    graph = model.graph
    types = onnx_graph.types(model)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    made = {name for node in graph.node for name in node.output}
    opset = onnx_graph.opset(model)
    renamed: dict[str, str] = {}
    removed: set[str] = set()

    def now(name: str) -> str:
        while name in renamed:
            name = renamed[name]
        return name

    used = {name for node in graph.node for name in onnx_graph.uses(node)}
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
    onnx_graph.keep(graph.node, lambda node: not removed.intersection(node.output))
    for node in graph.node:
        node.output[:] = [now(name) for name in node.output]
    for node in onnx_graph.nodes(model):
        if any(name in renamed for name in node.input):
            node.input[:] = [now(name) for name in node.input]
    onnx_graph.sweep(graph)


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
        return not training or (training in constants and not bool(onnx_graph.array(constants[training])))
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


def compile_network(model: ModelProto, request: Request) -> None:
    """What our own kernels do faster than the runtime becomes `Network` nodes (see regions.py)."""
    from onnx import helper

    if not request.network:
        return
    graph = model.graph
    weights: list[Packed] = []
    found = regions.compile_regions(graph_index.of(model), weights)
    replaced = {index for region in found for index in region.nodes}
    names: dict[str, list[str]] = {"replaced": [], "left": []}
    for index, node in enumerate(graph.node):
        if node.op_type == "Conv":
            names["replaced" if index in replaced else "left"].append(node.name or node.output[0])
    model.metadata_props.add(key=NOTE, value=json.dumps(names))
    if not found:
        return
    kept = [node for index, node in enumerate(graph.node) if index not in replaced]
    for number, region in enumerate(found):
        kept.append(
            helper.make_node(
                regions.OPERATOR,
                [regions.WEIGHTS, *region.inputs],
                region.outputs,
                name=f"network_{number}",
                domain=regions.DOMAIN,
                plan=region.plan,
                deformable=sum(graph.node[index].op_type == "DeformConv" for index in region.nodes),  # recognised.py
            )
        )
    del graph.node[:]
    graph.node.extend(kept)
    onnx_graph.sort(graph)
    onnx_graph.sweep(graph)  # the original weights
    size = sum(part.size for part in weights)
    graph.initializer.append(
        deferred.tensor(regions.WEIGHTS, FLOAT, [size], deferred.Joined([part.values for part in weights]))
    )
    regions.import_domain(model)


PASSES: list[Pass] = [
    keep_output,
    widen_float16,
    fold_constants,
    remove_noops,
    share_weights,
    recover_deformable,
    fold_batch_norm,
    narrow_to_float16,
    narrow_input,
    split_joined,
    move_before_resizes,
    attend_in_windows,
    fuse_linear_layers,
    compile_network,
]
