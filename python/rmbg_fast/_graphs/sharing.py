"""Weights that a file holds more than once: exporters write them again for each use of a layer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from . import deferred, onnx_graph
from .request import Request

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_LEAST = 1 << 10  # bytes: below, there is nothing to gain


def share_weights(model: ModelProto, request: Request) -> None:
    """Initializers of the same type, shape and values become one. BiRefNet sees a picture twice by the same layers."""
    if not request.network:
        return
    graph = model.graph
    outputs = {output.name for output in graph.output}
    alike: dict[tuple[int, ...], list[TensorProto]] = defaultdict(list)
    for tensor in graph.initializer:
        if deferred.nbytes(tensor) >= _LEAST and tensor.name not in outputs:
            alike[(tensor.data_type, *tensor.dims)].append(tensor)
    renamed: dict[str, str] = {}
    for tensors in alike.values():
        first: dict[tuple[int, bytes], str] = {}
        sums = [_sum(tensor) for tensor in tensors] if len(tensors) > 1 else []
        for tensor, total in zip(tensors, sums, strict=False):
            if sums.count(total) > 1:
                name = first.setdefault((total, _digest(tensor)), tensor.name)
                if name != tensor.name:
                    renamed[tensor.name] = name
    if not renamed or any(any(onnx_graph.subgraphs(node)) for node in graph.node):
        return
    for node in graph.node:
        if not renamed.keys().isdisjoint(node.input):
            node.input[:] = [renamed.get(name, name) for name in node.input]
    onnx_graph.sweep(graph)


def _sum(tensor: TensorProto) -> int:
    """Of the bytes, as whole numbers: quick, and another one in most weights that differ."""
    import numpy as np

    return int(np.frombuffer(onnx_graph.array(tensor), np.uint8).sum(dtype=np.uint64))


def _digest(tensor: TensorProto) -> bytes:
    import hashlib

    return hashlib.sha256(onnx_graph.array(tensor).tobytes()).digest()
