"""A model's row inside its own ONNX file, so that `Session("mine.onnx")` needs no TOML beside it.

The row, a dict of the keys of models.toml, is JSON in the entry `rmbg_fast.row` of `metadata_props`. It is read from
the file's top level alone; the graph with its weights is stepped over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .._storage import protobuf
from ..errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

KEY = "rmbg_fast.row"

_METADATA = 14  # the field of ModelProto; an entry is a message of two strings: field 1, the key; field 2, the value
_KEY, _VALUE = 1, 2
_MOST_FIELDS = 1 << 14  # of the top level: opsets, functions, metadata; an exporter writes some tens
_MOST_BYTES = 1 << 20  # of an entry of ours


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
    except protobuf.DamagedError:
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


def _row_text(stream: BinaryIO, size: int) -> bytes | None:
    for count, field in enumerate(protobuf.fields(stream, 0, size)):
        if count == _MOST_FIELDS:
            raise protobuf.DamagedError
        if field.number == _METADATA and field.kind == protobuf.BYTES and field.value <= _MOST_BYTES:
            entry = _entry(stream, field)
            if entry.get(_KEY) == KEY.encode():
                return entry.get(_VALUE, b"")
    return None


def _entry(stream: BinaryIO, entry: protobuf.Field) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for field in protobuf.fields(stream, entry.content, entry.end):
        if field.kind != protobuf.BYTES:
            raise protobuf.DamagedError
        found[field.number] = stream.read(field.value)
    return found
