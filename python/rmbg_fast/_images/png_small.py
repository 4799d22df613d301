"""PNG files that are small rather than fast: the core's filters, and libdeflate or zlib behind them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .. import _core
from . import png

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of 1 to 4 channels
_LIBDEFLATE_LEVEL = 8  # of 12: beyond, several times slower for a hundredth
_ZLIB_LEVEL = 6
_MOST_IN_A_CHUNK = 2**31 - 1


def encode(pixels: NDArray[Any], chunks: Sequence[tuple[bytes, bytes]], threads: int) -> bytes:
    """The bytes of a PNG file of `pixels`, as `writing.encode_png` takes them."""
    rows = _core.png_filter(pixels, threads=threads)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    depth = 8 * pixels.dtype.itemsize
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, _COLOUR_TYPES[channels], 0, 0, 0)
    data = memoryview(_deflated(rows.data))
    parts = [data[start : start + _MOST_IN_A_CHUNK] for start in range(0, len(data), _MOST_IN_A_CHUNK)]
    written = [png.chunk(b"IHDR", header), *(png.chunk(kind, body) for kind, body in chunks)]
    written += [png.chunk(b"IDAT", part) for part in parts]
    return b"".join([png.SIGNATURE, *written, png.chunk(b"IEND", b"")])


def _deflated(rows: memoryview) -> bytes | bytearray:
    try:
        import deflate
    except ImportError:
        packing = zlib.compressobj(_ZLIB_LEVEL, strategy=zlib.Z_FILTERED)
        return b"".join([packing.compress(rows), packing.flush()])
    packed: bytes | bytearray = deflate.zlib_compress(rows, _LIBDEFLATE_LEVEL)
    return packed
