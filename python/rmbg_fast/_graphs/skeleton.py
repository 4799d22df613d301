"""Models without their weights, to send with a bug report and to measure with, and weights to fill them with.

A skeleton is the model's graph, xz-compressed; of a weight it keeps the shape, the mean and the deviation, in the
tensor's `doc_string`. Filled, it has the nodes, the shapes and the cost of the model, and finite values, but its mask
shows nothing. What a graph computes with is kept as it is: small tensors, whole numbers (positions, shapes), masks.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from . import onnx_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

SUFFIX = ".onnx.xz"
_SMALL = 64  # values
_SAMPLE = 1 << 16  # bytes that are compressed to see whether the rest is worth it
_MARK = "normal"


def strip(model: ModelProto) -> None:
    """Take the weights out of `model`, in place, and the exporter's notes on nodes: they name files and lines.

    Weights in other files must have been loaded.
    """
    from onnx import numpy_helper

    for node in onnx_graph.nodes(model):
        node.ClearField("doc_string")
    for tensor in onnx_graph.tensors(model):
        values = numpy_helper.to_array(tensor)
        tensor.doc_string = ""
        if not _is_weight(values):
            continue
        wide = values.astype("float32")
        least = "positive" if wide.min() > 0 else "any"
        tensor.doc_string = f"{_MARK} {float(wide.mean())!r} {float(wide.std())!r} {least}"
        for field in ("raw_data", "float_data", "int32_data"):
            tensor.ClearField(field)


def fill(model: ModelProto, seed: int = 0) -> None:
    """Give each weight that `strip` took out normal values of its mean and deviation, in place.

    Those that were all positive (variances) are at least a tenth of their mean.
    """
    import numpy as np
    from onnx import helper

    random = np.random.default_rng(seed)
    for tensor in onnx_graph.tensors(model):
        if not tensor.doc_string.startswith(f"{_MARK} "):
            continue
        _, mean, deviation, least = tensor.doc_string.split()
        values = random.standard_normal(tuple(tensor.dims), dtype=np.float32) * np.float32(deviation)
        values += np.float32(mean)
        if least == "positive":
            np.maximum(values, np.float32(float(mean) / 10), out=values)
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if dtype.kind in "iu":
            values = np.clip(np.rint(values), np.iinfo(dtype).min, np.iinfo(dtype).max)
        tensor.raw_data = values.astype(dtype).tobytes()
        tensor.doc_string = ""


def of(source: Path) -> bytes:
    """The skeleton of the model at `source`, as a file's content. Raises ModelError: it cannot be read."""
    import lzma

    import onnx

    try:
        model = onnx.load(str(source))
    except Exception as exc:  # protobuf's own error, or the file system's
        raise ModelError(f"{source}: cannot be read as an ONNX model: {exc}") from exc
    strip(model)
    return lzma.compress(model.SerializeToString(), preset=6)


def load(source: Path, seed: int = 0) -> ModelProto:
    """The model of a skeleton file, filled. Raises OSError, lzma.LZMAError, or what protobuf raises."""
    import lzma

    import onnx

    model = onnx.load_model_from_string(lzma.decompress(source.read_bytes()))
    fill(model, seed)
    return model


def _is_weight(values: NDArray[Any]) -> bool:
    import numpy as np

    kinds = (np.float16, np.float32, np.int8, np.uint8)
    if values.dtype not in kinds or values.size < _SMALL or not np.isfinite(values).all():
        return False
    if values.dtype.kind == "f" and bool((values == np.rint(values)).all()):
        return False
    content = values.tobytes()
    return not (_is_plain(content[:_SAMPLE]) and _is_plain(content))


def _is_plain(content: bytes) -> bool:
    return len(zlib.compress(content, 1)) * 8 <= len(content)
