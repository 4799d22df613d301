"""The ranges of a network's activations on photos: what the steps of its quantization follow from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import ops
from .._graphs import onnx_graph
from .._images import reading
from .._runtime import library
from ..errors import InferenceError, ModelError, ModelOutputError
from ..models import ModelSpec

if TYPE_CHECKING:
    from onnx import ModelProto

Ranges = dict[str, tuple[float, float]]
"""Smallest and largest value, by the tensor's name."""

_FLOAT = 1  # TensorProto.FLOAT


def feed(spec: ModelSpec, photo: reading.ImageInput) -> NDArray[Any]:
    """What the model reads of a photo: float32, 1 x 3 x height x width. Raises ImageError, and ModelError for a model
    that has no size of its own."""
    if spec.dynamic:
        raise ModelError(f"{spec.name}: runs at each picture's own size: give it one first (dynamic = 0 in its row)")
    return ops.preprocess(
        reading.read(photo).pixels, size=spec.size, mean=spec.mean, std=spec.std, resample=spec.resample,
        rounding=spec.rounding, divide_by_max=spec.divide_by_max,
    )  # fmt: skip


def ranges(model: ModelProto, photos: Iterable[NDArray[Any]], *, threads: int) -> Ranges:
    """The range of each float32 activation of `model`: the mean, over the photos, of its smallest and largest value.

    `photos` are what `feed` gives. Means serve better than the extremes of all photos, which one odd photo sets
    (docs/quantize.md has the measures). Raises ModelOutputError where a value is not finite, ModelError and
    InferenceError where ONNX Runtime refuses the model, RuntimeNotFoundError without the onnxruntime package.
    """
    watched, names = _watched(model)
    session = library.python_session(watched.SerializeToString(), threads)
    name = session.get_inputs()[0].name
    wanted = [f"{tensor}{end}" for tensor in names for end in _ENDS]
    found = []
    for photo in photos:
        try:
            values = np.array([float(value) for value in session.run(wanted, {name: photo})]).reshape(-1, 2)
        except Exception as exc:  # its own classes, which derive from nothing better
            raise InferenceError(f"ONNX Runtime cannot run the model: {exc}") from exc
        inputs = np.array([[photo.min(), photo.max()]], np.float64)
        found.append(np.concatenate([inputs, values]))
    means = np.mean(found, axis=0)
    known = {tensor: (float(low), float(high)) for tensor, (low, high) in zip([name, *names], means, strict=True)}
    for tensor, (low, high) in known.items():
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ModelOutputError(f"the model gives values that are not finite ({tensor}): it cannot be quantized")
    return known


_ENDS = (".rmbg_fast.min", ".rmbg_fast.max")


def _watched(model: ModelProto) -> tuple[ModelProto, list[str]]:
    """A copy of the model that gives the smallest and largest value of each activation too, and their names."""
    from onnx import ModelProto, helper

    watched = ModelProto()
    watched.CopyFrom(model)
    types = onnx_graph.types(model)
    made = [name for node in model.graph.node for name in node.output if name]
    names = [name for name in made if name in types and types[name].elem_type == _FLOAT]
    for name in names:
        for end, kind in zip(_ENDS, ("ReduceMin", "ReduceMax"), strict=True):
            watched.graph.node.append(helper.make_node(kind, [name], [name + end], keepdims=0))
            watched.graph.output.append(helper.make_tensor_value_info(name + end, _FLOAT, []))
    return watched, names
