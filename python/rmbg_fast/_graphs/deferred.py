"""Large weights, left in the model's file until they are written to another.

A deferred tensor has dims and type, but in place of values a token, which stands for a function that makes them: one
that reads them from the file, or changes what another makes. So a pass holds one tensor at a time, however large the
model is. Tokens count inside `scope` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .._storage import protobuf

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, TensorProto

LARGE = 1 << 20
"""Bytes. Smaller tensors hold their values themselves."""
_KEY = "rmbg_fast.token"
_ALIGNED = 64  # bytes: where the values of a tensor begin in a file

Values = Callable[[], "NDArray[Any]"]
_scope: ContextVar[dict[str, Values] | None] = ContextVar("rmbg_fast_deferred", default=None)


@contextmanager
def scope() -> Iterator[None]:
    """Tokens made inside are forgotten at its end."""
    before = _scope.set({})
    try:
        yield
    finally:
        _scope.reset(before)


def load(source: Path) -> ModelProto:
    """The model, its large weights deferred. Raises OSError, or what protobuf raises of a damaged file."""
    from onnx import ModelProto

    with open(source, "rb") as stream:
        size = stream.seek(0, 2)
        try:
            content = b"".join(_lean_model(source, stream, size))
        except protobuf.DamagedError:  # protobuf will say of what kind
            stream.seek(0)
            content = stream.read()
    model = ModelProto()
    model.ParseFromString(content)
    return model


def tensor(name: str, data_type: int, dims: list[int], values: Values) -> TensorProto:
    """A deferred tensor of these values; outside `scope` one that holds them."""
    from onnx import TensorProto, numpy_helper

    if _scope.get() is None:
        return numpy_helper.from_array(values(), name)
    made = TensorProto(name=name, data_type=data_type, dims=dims, data_location=TensorProto.EXTERNAL)
    made.external_data.add(key=_KEY, value=_token(values))
    return made


def changed(
    source: TensorProto, name: str, data_type: int, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> TensorProto:
    """A tensor of the values of `source`, changed one by one; deferred where that is."""
    from onnx import numpy_helper

    values = values_of(source)
    if is_deferred(source):
        return tensor(name, data_type, list(source.dims), lambda: change(values()))
    return numpy_helper.from_array(change(values()), name)


def is_deferred(tensor: TensorProto) -> bool:
    """Are its values elsewhere by way of a token?"""
    return any(entry.key == _KEY for entry in tensor.external_data)


def nbytes(tensor: TensorProto) -> int:
    """Bytes that the values take, in the tensor or elsewhere."""
    from onnx import helper

    return int(math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def values_of(tensor: TensorProto) -> Values:
    """What makes the values of a tensor, which may be changed or deleted meanwhile where they are deferred."""
    from onnx import numpy_helper

    for entry in tensor.external_data:
        if entry.key == _KEY:
            return _known()[entry.value]
    array = numpy_helper.to_array(tensor)
    return lambda: array


def embed(graph: GraphProto) -> None:
    """Give the deferred tensors of the graph their values."""
    from onnx import TensorProto

    for tensor in graph.initializer:
        if is_deferred(tensor):
            content = values_of(tensor)().tobytes()
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = content


def move(graph: GraphProto, stream: BinaryIO, location: str) -> None:
    """Write the values of the graph's deferred tensors to `stream`, and refer to them at `location`, its name."""
    from onnx.external_data_helper import set_external_data

    for tensor in graph.initializer:
        if is_deferred(tensor):
            values = values_of(tensor)
            offset = -(-stream.tell() // _ALIGNED) * _ALIGNED
            stream.write(bytes(offset - stream.tell()))
            for part in values.parts if isinstance(values, Joined) else [values]:
                part().tofile(stream)
            tensor.raw_data = b""  # set_external_data refuses a tensor without
            del tensor.external_data[:]
            set_external_data(tensor, location=location, offset=offset, length=stream.tell() - offset)
            tensor.ClearField("raw_data")


class Joined:
    """Values that are those of several functions, one behind the other."""

    def __init__(self, parts: list[Values]) -> None:
        self.parts = parts

    def __call__(self) -> NDArray[Any]:
        import numpy as np

        return np.concatenate([part() for part in self.parts])


def _token(values: Values) -> str:
    known = _known()
    token = str(len(known))
    known[token] = values
    return token


def _known() -> dict[str, Values]:
    known = _scope.get()
    assert known is not None, "outside of scope()"
    return known


# --- reading a model without its large weights: the numbers are of onnx.proto ---

_GRAPH = 7  # of ModelProto
_INITIALIZER = 5  # of GraphProto
_DIMS, _DATA_TYPE, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 9, 13, 14  # of TensorProto
_EXTERNAL = 1  # TensorProto.EXTERNAL
_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
"""NumPy's types of those of TensorProto that are deferred: what weights are of."""


def _lean_model(source: Path, stream: BinaryIO, size: int) -> Iterator[bytes]:
    for field in protobuf.fields(stream, 0, size):
        if field.number == _GRAPH and field.kind == protobuf.BYTES:
            yield protobuf.block(_GRAPH, b"".join(_lean_graph(source, stream, field)))
        else:
            yield _copied(stream, field)


def _lean_graph(source: Path, stream: BinaryIO, graph: protobuf.Field) -> Iterator[bytes]:
    for field in protobuf.fields(stream, graph.content, graph.end):
        if field.number == _INITIALIZER and field.kind == protobuf.BYTES and field.value >= LARGE:
            yield protobuf.block(_INITIALIZER, b"".join(_lean_tensor(source, stream, field)))
        else:
            yield _copied(stream, field)


def _lean_tensor(source: Path, stream: BinaryIO, tensor: protobuf.Field) -> Iterator[bytes]:
    parts = list(protobuf.fields(stream, tensor.content, tensor.end))
    raw = [part for part in parts if part.number == _RAW_DATA and part.kind == protobuf.BYTES]
    kinds = [part.value for part in parts if part.number == _DATA_TYPE]
    dims = [size for part in parts if part.number == _DIMS for size in _numbers(stream, part)]
    kind = _TYPES.get(kinds[0]) if len(kinds) == 1 else None
    deferred = kind is not None and len(raw) == 1 and raw[0].value == math.prod(dims) * int(kind[-1])
    for part in parts:
        if not (deferred and part is raw[0]):
            yield _copied(stream, part)
    if deferred:
        assert kind is not None
        token = _token(_reader(source, raw[0].content, kind, dims)).encode("ascii")
        yield protobuf.block(_EXTERNAL_DATA, protobuf.block(1, _KEY.encode("ascii")) + protobuf.block(2, token))
        yield protobuf.encoded(_DATA_LOCATION * 8 + protobuf.VARINT) + protobuf.encoded(_EXTERNAL)


def _reader(source: Path, offset: int, kind: str, dims: list[int]) -> Values:
    import numpy as np

    def read() -> NDArray[Any]:
        with open(source, "rb") as stream:
            found = np.fromfile(stream, kind, math.prod(dims), offset=offset)
        if found.size != math.prod(dims):
            raise OSError(f"{source}: was cut short while it was read")
        return found.reshape(dims)

    return read


def _numbers(stream: BinaryIO, field: protobuf.Field) -> list[int]:
    """Of a repeated field of numbers: one of them, or, packed, all."""
    if field.kind == protobuf.VARINT:
        return [field.value]
    found = []
    stream.seek(field.content)
    while stream.tell() < field.end:
        found.append(protobuf.varint(stream))
    return found


def _copied(stream: BinaryIO, field: protobuf.Field) -> bytes:
    stream.seek(field.begin)
    return stream.read(field.end - field.begin)
