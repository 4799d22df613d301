"""A model's row inside its own ONNX file, so that `Session("mine.onnx")` needs no TOML beside it.

The row, a dict of the keys of models.toml, is JSON in the entry `rmbg_fast.row` of `metadata_props`. It is read from
the file's top level alone (protobuf's wire format: https://protobuf.dev/programming-guides/encoding/); the graph with
its weights is stepped over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

KEY = "rmbg_fast.row"

_METADATA = 14  # the field of ModelProto; an entry is a message of two strings: field 1, the key; field 2, the value
_KEY, _VALUE = 1, 2
_MOST_FIELDS = 1 << 14  # of the top level: opsets, functions, metadata; an exporter writes some tens
_MOST_BYTES = 1 << 20  # of an entry of ours
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def write(model: ModelProto, row: Mapping[str, Any]) -> None:
    """Put `row` into the model, in place of the one that may be there. Raises ModelError: no JSON can hold it."""
    import json

    try:
        text = json.dumps(dict(row), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise ModelError(f"this row cannot be written into a model: {exc}") from exc
    if len(text.encode("utf-8", "replace")) > _MOST_BYTES // 2:
        raise ModelError("this row is too long to be written into a model")
    for index in reversed(range(len(model.metadata_props))):
        if model.metadata_props[index].key == KEY:
            del model.metadata_props[index]
    model.metadata_props.add(key=KEY, value=text)


def read(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The row in an ONNX file. None: it holds none, or is no intact ONNX file (which loading it will say).

    Reads some hundred bytes, whatever the file's size. Raises ModelError: the file cannot be read, or its row is no
    JSON object.
    """
    import json

    file = Path(path)
    try:
        with open(file, "rb") as stream:
            text = _row_text(stream, os.fstat(stream.fileno()).st_size)
    except OSError as exc:
        raise ModelError(f"{file}: cannot be read: {exc.strerror or exc}") from exc
    except _Damaged:
        return None
    if text is None:
        return None
    try:
        row = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as exc:  # ValueError: not UTF-8, not JSON
        raise ModelError(f"{file}: the row in its metadata ({KEY}) is damaged: {exc}") from exc
    if not isinstance(row, dict):
        raise ModelError(f"{file}: the row in its metadata ({KEY}) is no JSON object")
    return row


class _Damaged(Exception):
    """Not what protobuf writes, or cut off."""


def _row_text(stream: BinaryIO, size: int) -> bytes | None:
    for _ in range(_MOST_FIELDS):
        if stream.tell() == size:
            return None
        field, kind = _tag(stream)
        if kind == _VARINT:
            _varint(stream)
            continue
        length = {_FIXED64: 8, _FIXED32: 4}[kind] if kind != _BYTES else _varint(stream)
        end = stream.tell() + length
        if end > size:
            raise _Damaged
        if field == _METADATA and kind == _BYTES and length <= _MOST_BYTES:
            entry = _entry(stream, end)
            if entry.get(_KEY) == KEY.encode():
                return entry.get(_VALUE, b"")
        stream.seek(end)
    raise _Damaged


def _entry(stream: BinaryIO, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while stream.tell() < end:
        field, kind = _tag(stream)
        length = _varint(stream)
        if kind != _BYTES or stream.tell() + length > end:
            raise _Damaged
        found[field] = stream.read(length)
    return found


def _tag(stream: BinaryIO) -> tuple[int, int]:
    """The number of the next field and how it is encoded."""
    field, kind = divmod(_varint(stream), 8)
    if field == 0 or kind not in (_VARINT, _FIXED64, _BYTES, _FIXED32):
        raise _Damaged
    return field, kind


def _varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise _Damaged
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _Damaged
