"""Networks with 8-bit convolutions for CPUs, or with float16 for GPUs, from the float32 graph that `prepare` makes.

int8: static steps of quantization (QuantizeLinear, DequantizeLinear) around the layers, which ONNX Runtime joins to
8-bit kernels: activations of 8 bits without a sign, weights of 8 bits with one, per channel, symmetric.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import models
from .._graphs import onnx_graph, prepare
from .._graphs.request import Request
from .._images import reading
from ..errors import ModelError, OptionError, RuntimeNotFoundError
from ..models import ModelSpec
from . import calibration, comparison, search

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPERATORS = ("Conv", "Relu", "Clip", "Concat", "Add", "MaxPool", "Resize")
"""What has 8-bit kernels worth using; all else stays in float."""

_OPSET = 13  # the first with steps per channel


@dataclass(frozen=True)
class Effort:
    """What the search for layers to leave in float may cost (see `search.search`).

    `goal`: mean difference of the masks, in grey levels, that is good enough. `trials`: networks to measure. `share`:
    of the multiplications that may stay in float. `photos`: how many of them the search looks at.
    """

    goal: float = 0.2
    trials: int = 20
    share: float = 0.1
    photos: int = 4


@dataclass(frozen=True)
class Result:
    """The quantized model; the convolutions `floating` of `convolutions`, with their `share` of the multiplications;
    the mean mask difference on the searched photos, in grey levels, and how many networks the search measured."""

    model: ModelProto
    convolutions: int
    floating: tuple[str, ...]
    share: float
    error: float
    trials: int


def load(spec: ModelSpec) -> ModelProto:
    """The float32 graph of the model with one output, as `prepare` leaves it but for our own operator, its nodes named.

    The model is fetched if it is not there yet. Raises ModelError.
    """
    source = models.ensure(spec)
    model, steps = prepare.run(source, Request(spec.output))
    if model is None:
        raise ModelError(f"{source}: cannot be quantized: {steps[0].skipped}")
    if any(node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") for node in model.graph.node):
        raise ModelError(f"{source}: is quantized already; give the float model that it was made from")
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)
    return model


def to_int8(
    spec: ModelSpec,
    photos: Sequence[reading.ImageInput],
    *,
    threads: int,
    effort: Effort | None = None,
    reduce_range: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Quantize to 8 bits with ranges from `photos`, and leave in float what hurts: `effort` bounds the search.

    The convolutions that nothing but the output follows always stay in float: they hold few multiplications, and the
    steps of their results would be seen in the mask. `reduce_range` gives weights 7 bits, for CPUs whose 8-bit
    products saturate (x86 without VNNI). `say` gets a line of progress now and then. Raises OptionError without photos,
    ImageError, ModelError, InferenceError.
    """
    if not photos:
        raise OptionError("int8 needs photos to measure the ranges of the activations on: name some")
    effort = effort or Effort()
    model = _at_opset(load(spec))
    layers = convolutions(model)
    if not layers:
        raise ModelError(f"{spec.name}: has no convolutions to quantize")
    ranges = calibration.ranges(model, (calibration.feed(spec, photo) for photo in photos), threads=threads)
    say(f"ranges of {len(ranges)} activations from {len(photos)} photo{'s' * (len(photos) > 1)}")
    ends = heads(model)

    def made(floating: frozenset[str]) -> ModelProto:
        return int8(model, ranges, ends | floating, reduce_range=reduce_range)

    seen = [reading.read(photo).pixels for photo in photos[: effort.photos]]
    with tempfile.TemporaryDirectory() as folder:
        trial = comparison.Trial(Path(folder), spec, threads)
        wanted = list(trial.masks(model, seen))
        tried = 0

        def measure(floating: frozenset[str]) -> float:
            nonlocal tried
            masks = trial.masks(made(floating), seen)
            differences = [comparison.difference(mask, want) for mask, want in zip(masks, wanted, strict=True)]
            error = sum(one.mean for one in differences) / len(differences)
            tried += 1
            say(f"network {tried} of at most {effort.trials}: masks {error:.3f} grey levels off on average")
            return error

        inner = [layer for layer in layers if layer.name not in ends]
        found = search.search(inner, measure, goal=effort.goal, trials=effort.trials, share=effort.share)
    floating = [layer for layer in layers if layer.name in ends | found.floating]
    share = sum(layer.work for layer in floating) / max(sum(layer.work for layer in layers), 1)
    names = tuple(layer.name for layer in floating)
    return Result(made(found.floating), len(layers), names, share, found.error, found.trials)


def convolutions(model: ModelProto) -> list[search.Layer]:
    """The convolutions of constant weights with their multiplications for one output; where its size is not known,
    for one pixel of it."""
    types = onnx_graph.types(model)
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            shape = onnx_graph.shape(types.get(node.output[0])) or [1, 1]
            layers.append(search.Layer(node.name, math.prod(weights[node.input[1]]) * math.prod(shape[2:])))
    return layers


def heads(model: ModelProto) -> frozenset[str]:
    """The convolutions whose results reach no other convolution."""
    reached = _reached(model)
    return frozenset(node.name for node in model.graph.node if node.op_type == "Conv" and not reached[node.name])


def int8(
    model: ModelProto, ranges: calibration.Ranges, floating: frozenset[str], *, reduce_range: bool = False
) -> ModelProto:
    """A copy of `model` with steps of quantization, but for the convolutions `floating` and what they read alone."""
    from onnx import ModelProto, helper

    try:
        from onnxruntime.quantization import CalibrationMethod, QuantType
        from onnxruntime.quantization.calibrate import TensorsData
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    except ImportError as exc:
        raise RuntimeNotFoundError(f"int8 needs the onnxruntime package's own tools: {exc}") from exc
    copy = ModelProto()
    copy.CopyFrom(model)
    for name, known in onnx_graph.types(model).items():  # of what it does not know the type, it warns
        shape = [dim.dim_value if dim.HasField("dim_value") else None for dim in known.shape.dim]
        copy.graph.value_info.append(helper.make_tensor_value_info(name, known.elem_type, shape))
    data = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        copy,
        True,  # per channel
        reduce_range,
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, data),
        [],
        sorted(floating | _in_float_with(model, floating)),
        list(OPERATORS),
        {},
    )
    try:
        quantizer.quantize_model()
    except Exception as exc:  # it knows not all graphs
        raise ModelError(f"ONNX Runtime's tools cannot quantize this graph: {exc}") from exc
    made: ModelProto = quantizer.model.model
    del made.graph.value_info[:]
    onnx_graph.sort(made.graph)
    return made


def float16(model: ModelProto) -> ModelProto:
    """A copy of `model` with float16 weights and activations; its input and output stay float32, as do the operators
    that know no float16 (and the scales of a Resize)."""
    from onnx import ModelProto

    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as exc:
        raise RuntimeNotFoundError(f"float16 needs the onnxruntime package's own tools: {exc}") from exc
    copy = ModelProto()
    copy.CopyFrom(model)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of each weight that rounds to zero; the report says what it costs
        made: ModelProto = convert_float_to_float16(copy, keep_io_types=True)
    del made.graph.value_info[:]
    onnx_graph.sort(made.graph)
    return made


def _at_opset(model: ModelProto) -> ModelProto:
    """The model at an opset that has steps per channel."""
    from onnx import version_converter

    if onnx_graph.opset(model) >= _OPSET:
        return model
    try:
        return version_converter.convert_version(model, _OPSET)
    except Exception as exc:  # it knows not all operators
        raise ModelError(
            f"the model is of opset {onnx_graph.opset(model)} and cannot be brought to {_OPSET}, which int8 needs: "
            f"{exc}; export it again with opset {_OPSET} or later"
        ) from exc


def _reached(model: ModelProto) -> dict[str, set[str]]:
    """The convolutions that each node's results reach without passing through another one."""
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    reached: dict[str, set[str]] = {}
    for node in reversed(model.graph.node):  # sorted: readers come later
        reached[node.name] = set()
        for reader in (reader for name in node.output for reader in readers.get(name, [])):
            reached[node.name] |= {reader.name} if reader.op_type == "Conv" else reached[reader.name]
    return reached


def _in_float_with(model: ModelProto, floating: frozenset[str]) -> set[str]:
    """The other nodes to leave in float: those that feed such a convolution, or none at all."""
    return {name for name, convs in _reached(model).items() if not convs or convs & floating} - {
        node.name for node in model.graph.node if node.op_type == "Conv"
    }
