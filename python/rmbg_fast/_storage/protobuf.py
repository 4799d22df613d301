"""The fields of a protobuf message in a file, one by one: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class DamagedError(Exception):
    """Not what protobuf writes, or cut off."""


@dataclass(frozen=True)
class Field:
    """A field of a message: its number and kind, the bytes begin..end of the file that hold it with its tag, and where
    its content begins. `value` is that of a VARINT."""

    number: int
    kind: int
    begin: int
    content: int
    end: int
    value: int = 0


def fields(stream: BinaryIO, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message in the bytes begin..end. The stream may be moved between them. Raises DamagedError."""
    while begin < end:
        stream.seek(begin)
        number, kind = divmod(varint(stream), 8)
        if number == 0 or kind not in (VARINT, FIXED64, BYTES, FIXED32):
            raise DamagedError
        value = varint(stream) if kind in (VARINT, BYTES) else 0
        content = stream.tell()
        length = {VARINT: 0, FIXED64: 8, FIXED32: 4}.get(kind, value)
        if content + length > end:
            raise DamagedError
        yield Field(number, kind, begin, content, content + length, value)
        begin = content + length


def varint(stream: BinaryIO) -> int:
    """The number at the stream's position. Raises DamagedError."""
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise DamagedError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise DamagedError


def encoded(number: int) -> bytes:
    """A number as a varint."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


def block(number: int, content: bytes) -> bytes:
    """A field of bytes, with its tag and length."""
    return encoded(number * 8 + BYTES) + encoded(len(content)) + content
