"""A model's graph made ready for the CPU once, and cached: one output, float32 weights, constants folded.

PASSES is the whole of it: each pass is a function that changes a ModelProto in place, and no result of a pass is kept
that onnx's checker refuses.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cache
from .errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

PREPARE_VERSION = 1
"""Raise it whenever a pass changes what it makes: it is a part of the cached file's name."""

_LIMIT = 2**31 - 1  # bytes that one protobuf message can hold
_FOLD_LIMIT = 1 << 20  # bytes of a constant that folding may read or make
_LIGHT = 1 << 14  # bytes of a constant that shape inference is shown
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(frozen=True)
class Plan:
    """What the passes are to make: `output` is the graph output to keep, by name or index; `widen` float16 or not."""

    output: str | int
    widen: bool = True


@dataclass(frozen=True)
class Step:
    """What a pass left: its name, the nodes and bytes of the graph after it, and why it was skipped, if it was."""

    name: str
    nodes: int
    bytes: int
    skipped: str = ""


Pass = Callable[["ModelProto", Plan], None]


def prepare(source: Path, *, output: str | int, widen: bool = True) -> Path:
    """The graph of `source` made ready: `output` is its only output, and with `widen` its float16 is float32.

    The result is made once and kept beside the original as `<stem>.<key>.prepared.onnx`, or in the cache folder's
    `prepared` where that is not writable; the key holds the original's sha256 and what was asked for. It has the one
    output, so that its index is 0, and masks that differ by less than 1/255. The original is never changed. It is
    returned itself where nothing safe can be done: a graph of 2 GB or more, with weights in other files, or one that
    onnx's checker does not accept to begin with.
    Raises ModelError: not a readable ONNX file, no such output, or nowhere to write.
    """
    source = Path(source)
    try:
        if source.stat().st_size >= _LIMIT:
            return source
        key = _key(_sha256(source), Plan(output, widen))
    except OSError as exc:
        raise ModelError(f"{source}: cannot be read: {exc.strerror or exc}") from exc
    name = f"{source.stem}.{key}.prepared.onnx"
    beside = source.parent / name
    if beside.is_file():
        return beside
    elsewhere = cache.home() / "prepared" / name
    if elsewhere.is_file():
        return elsewhere
    for target in (beside, elsewhere):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with cache.locked(target):
                if not target.is_file() and not _make(source, Plan(output, widen), target):
                    return source
                return target
        except OSError as exc:
            if exc.errno not in _UNWRITABLE:
                raise _unwritten(target, exc) from exc
            refused = exc
    raise _unwritten(elsewhere, refused) from refused


def run(source: Path, plan: Plan) -> tuple[ModelProto | None, list[Step]]:
    """The graph of `source` after PASSES, and a Step for the original and for each pass.

    A pass that fails, or whose graph the checker refuses, is skipped and its step says why. The model is None where
    the original is to be left as it is (see `prepare`). Raises ModelError: unreadable, no such output.
    """
    skipped: dict[str, str] = {}
    while True:  # from the start again after a failure: rare, and no copy of the weights is held meanwhile
        model = _load(source)
        reason, full = _untouchable(model)
        reason = reason or skipped.get(keep_output.__name__, "")  # else an index would mean two things
        steps = [Step("original", len(model.graph.node), model.ByteSize(), reason)]
        if reason:
            return None, steps
        for step in PASSES:
            if step.__name__ not in skipped:
                try:
                    step(model, plan)
                    _check(model, full=full)
                except (ModelError, MemoryError):
                    raise
                except Exception as exc:
                    skipped[step.__name__] = str(exc) or type(exc).__name__
                    break
            note = skipped.get(step.__name__, "")
            steps.append(Step(step.__name__, len(model.graph.node), model.ByteSize(), note))
        else:
            return model, steps


def _make(source: Path, plan: Plan, target: Path) -> bool:
    model, steps = run(source, plan)
    if model is None:
        return False
    for step in steps:
        if step.skipped:
            warnings.warn(f"{source}: {step.name} was left out: {step.skipped}", RuntimeWarning, stacklevel=4)
    _write(target, model.SerializeToString())
    return True


def _write(target: Path, content: bytes) -> None:
    part = target.with_name(target.name + ".part")  # the lock is held; of a stamp all writers write the same
    try:
        part.write_bytes(content)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _unwritten(target: Path, exc: OSError) -> ModelError:
    return ModelError(
        f"{target}: the prepared model cannot be written: {exc.strerror or exc}; free space there or point "
        f"RMBG_FAST_HOME to a folder that can be written"
    )


# --- which file it is ---


def _key(sha256: str, plan: Plan) -> str:
    return hashlib.sha256(repr((PREPARE_VERSION, sha256, plan)).encode()).hexdigest()[:12]


def _sha256(source: Path) -> str:
    """The file's sha256, from the stamp beside it as long as size and time of change are those of the stamp."""
    status = source.stat()
    state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    stamp = source.with_name(source.name + ".stamp")
    with suppress(OSError, ValueError):
        known = json.loads(stamp.read_text(encoding="ascii"))
        if isinstance(known, dict) and isinstance(known.get("sha256"), str) and known == {**known, **state}:
            return str(known["sha256"])
    with open(source, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with suppress(OSError):  # where it cannot be written, the next start hashes again
        _write(stamp, json.dumps({**state, "sha256": digest}).encode("ascii"))
    return digest


def _load(source: Path) -> ModelProto:
    import onnx

    try:
        model = onnx.load(source, load_external_data=False)
    except Exception as exc:  # protobuf's own error, or the file system's
        raise ModelError(f"{source}: cannot be read as an ONNX model: {exc}") from exc
    if not model.graph.output or not model.graph.node:
        raise ModelError(f"{source}: is no ONNX model (it has no nodes or no output)")
    for graph in _graphs(model):
        del graph.value_info[:]  # hints only, which converters leave stale
    _sort(model.graph)
    return model


def _untouchable(model: ModelProto) -> tuple[str, bool]:
    """Why the model must stay as it is, or "", and whether it stands up to the checker's full test (with inference)."""
    from onnx import TensorProto

    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model)):
        return "its weights lie in other files", False
    for full in (True, False):
        try:
            _check(model, full=full)
            return "", full
        except Exception as exc:
            refusal = str(exc)
    return f"onnx's checker does not accept it: {refusal}", False


# --- the passes ---


def keep_output(model: ModelProto, plan: Plan) -> None:
    """Only the asked output stays, and what it needs; initializers are no longer inputs too (as before IR 4)."""
    graph = model.graph
    there = [output.name for output in graph.output]
    try:
        chosen = there.index(plan.output) if isinstance(plan.output, str) else range(len(there))[plan.output]
    except (ValueError, IndexError) as exc:
        raise ModelError(f"the model has no output {plan.output!r}; it has {', '.join(there)}") from exc
    _keep(graph.output, lambda output: output.name == there[chosen])
    weights = {tensor.name for tensor in graph.initializer}
    _keep(graph.input, lambda value: value.name not in weights)
    model.ir_version = max(model.ir_version, 4)
    _sweep(graph)


def widen_float16(model: ModelProto, plan: Plan) -> None:
    """Every float16 becomes float32: weights, constants, Cast targets, and the types of inputs and outputs."""
    from onnx import AttributeProto, TensorProto, numpy_helper

    if not plan.widen:
        return
    narrow = [tensor for tensor in _tensors(model) if tensor.data_type == TensorProto.FLOAT16]
    if model.ByteSize() + sum(2 * math.prod(tensor.dims) for tensor in narrow) > _LIMIT:
        raise ValueError("with float32 weights the model would be over 2 GB")
    for tensor in narrow:
        wide = numpy_helper.to_array(tensor).astype("float32")
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
    for graph in _graphs(model):
        for value in (*graph.input, *graph.output):
            _widen_type(value.type)
    for node in _nodes(model):
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
        types = _types(model)
        for node in graph.node:
            if not outputs.isdisjoint(node.output):
                continue
            for name, value in _evaluate(node, model, types, constants).items():
                graph.initializer.append(numpy_helper.from_array(value, name))
                constants[name] = graph.initializer[-1]
                folded = True
        _keep(graph.node, lambda node: constants.keys().isdisjoint(node.output))
    _sweep(graph)


def remove_noops(model: ModelProto, plan: Plan) -> None:
    """Identity, Dropout (which does nothing at inference) and Casts to the type that is there go."""
    graph = model.graph
    types = _types(model)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    made = {name for node in graph.node for name in node.output}
    opset = _opset(model)
    renamed: dict[str, str] = {}
    removed: set[str] = set()

    def now(name: str) -> str:
        while name in renamed:
            name = renamed[name]
        return name

    used = {name for node in graph.node for name in _uses(node)}
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
    _keep(graph.node, lambda node: not removed.intersection(node.output))
    for node in graph.node:
        node.output[:] = [now(name) for name in node.output]
    for node in _nodes(model):
        if any(name in renamed for name in node.input):
            node.input[:] = [now(name) for name in node.input]
    _sweep(graph)


def _is_noop(node: NodeProto, types: _Types, constants: _Constants, used: set[str], opset: int) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type == "Cast":
        known = types.get(node.input[0])
        return known is not None and any(a.name == "to" and a.i == known.elem_type for a in node.attribute)
    if node.op_type == "Dropout":
        if opset < 7 or any(name in used for name in node.output[1:]):
            return False
        training = node.input[2] if len(node.input) > 2 else ""
        return not training or (training in constants and not bool(_array(constants[training])))
    return node.op_type == "Identity"


PASSES: list[Pass] = [keep_output, widen_float16, fold_constants, remove_noops]

# --- evaluation of one node ---

_Types = dict[str, "TypeProto.Tensor"]
_Constants = dict[str, "TensorProto"]

_NEVER_FOLDED = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
                 "Dropout", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}  # fmt: skip


def _evaluate(node: NodeProto, model: ModelProto, types: _Types, constants: _Constants) -> dict[str, NDArray[Any]]:
    """What the node always gives, by name; empty if that is not known, too large, or not ours to say."""
    import numpy as np
    from onnx import helper, shape_inference
    from onnx.reference import ReferenceEvaluator

    if node.domain not in ("", "ai.onnx") or node.op_type in _NEVER_FOLDED or any(_subgraphs(node)):
        return {}
    if node.op_type in ("Shape", "Size"):
        shape = _shape(types.get(node.input[0]))
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
            shape = _shape(expected.get(name))
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


# --- the graph: walking, sorting, sweeping, inferring ---


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    from onnx import AttributeProto

    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _graphs(model: ModelProto) -> Iterator[GraphProto]:
    """The graph and all graphs inside it."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            waiting.extend(_subgraphs(node))


def _nodes(model: ModelProto) -> Iterator[NodeProto]:
    """All nodes: of the graph, of the graphs inside it, and of the model's own functions."""
    for graph in _graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """All tensors that the model holds: initializers (the values of sparse ones too) and attributes."""
    from onnx import AttributeProto

    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield sparse.values
    for node in _nodes(model):
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == AttributeProto.SPARSE_TENSOR:
                yield attribute.sparse_tensor.values
            yield from attribute.tensors


def _uses(node: NodeProto) -> set[str]:
    """The names that the node reads, those that its subgraphs take from outside included."""
    names = {name for name in node.input if name}
    for graph in _subgraphs(node):
        names.update(output.name for output in graph.output)
        for inner in graph.node:
            names |= _uses(inner)
    return names


def _sort(graph: GraphProto) -> None:
    """Put each node behind those that it reads from: float16 converters leave their Casts at the end."""
    from graphlib import CycleError, TopologicalSorter

    makers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: {makers[name] for name in _uses(node) if name in makers} for i, node in enumerate(graph.node)}
    if all(need < index for index, all_needs in needs.items() for need in all_needs):
        return
    with suppress(CycleError):  # the checker will say so
        order = list(TopologicalSorter(needs).static_order())
        rank = {tuple(graph.node[index].output): position for position, index in enumerate(order)}
        graph.node.sort(key=lambda node: rank[tuple(node.output)])


def _sweep(graph: GraphProto) -> None:
    """Remove the nodes and initializers that no output needs."""
    needed = {output.name for output in graph.output}
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed |= _uses(node)
    _keep(graph.node, lambda node: not needed.isdisjoint(node.output))
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.sparse_initializer, lambda sparse: sparse.values.name in needed)


def _keep(items: Any, wanted: Callable[[Any], bool]) -> None:
    """Delete in place what is not wanted: a new list would copy the weights."""
    for index in reversed(range(len(items))):
        if not wanted(items[index]):
            del items[index]


def _light(model: ModelProto) -> ModelProto:
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
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    inputs = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if tensor.ByteSize() <= _LIGHT:
            graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def _check(model: ModelProto, *, full: bool) -> None:
    from onnx import checker

    checker.check_model(_light(model), full_check=full)


def _types(model: ModelProto) -> _Types:
    """Element type and shape of what can be inferred, by name."""
    from onnx import helper, shape_inference

    try:
        graph = shape_inference.infer_shapes(_light(model), data_prop=True).graph
    except Exception:  # nothing is known then, and nothing is done that needs it
        return {}
    types = {value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims).tensor_type
    return types


def _shape(tensor: TypeProto.Tensor | None) -> list[int] | None:
    """The shape, if it is wholly known."""
    if tensor is None or not tensor.HasField("shape"):
        return None
    if not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    return [dim.dim_value for dim in tensor.shape.dim]


def _widen_type(value: TypeProto) -> None:
    from onnx import TensorProto

    kind = value.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(value, kind)
        if tensor.elem_type == TensorProto.FLOAT16:
            tensor.elem_type = TensorProto.FLOAT
    elif kind in ("sequence_type", "optional_type"):
        _widen_type(getattr(value, kind).elem_type)


def _array(tensor: TensorProto) -> NDArray[Any]:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def _opset(model: ModelProto) -> int:
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
