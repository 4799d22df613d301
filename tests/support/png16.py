"""16-bit PNG files and the filters of their rows, written from the specification byte by byte."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from support.png_spec import ADAM7, GREY, GREY_ALPHA, RGB, RGBA, SIGNATURE, chunk

RNG = np.random.default_rng(16)
CHANNELS = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}


def noise(*shape: int) -> Any:
    return RNG.integers(0, 65536, shape, dtype=np.uint16)


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))  # the first of equals, as it is to be
    return (0, left, up, (left + up) // 2)[kind]


def each_byte(plain: Any, pixel_bytes: int) -> Any:
    """Yield y, x, left, up, corner of `plain`, whose bytes may be filled in as this goes on."""
    for y, x in np.ndindex(plain.shape):
        up = int(plain[y - 1, x]) if y else 0
        left = int(plain[y, x - pixel_bytes]) if x >= pixel_bytes else 0
        corner = int(plain[y - 1, x - pixel_bytes]) if y and x >= pixel_bytes else 0
        yield y, x, left, up, corner


def unfiltered(rows: Any, pixel_bytes: int) -> Any:
    plain = np.zeros((rows.shape[0], rows.shape[1] - 1), np.uint8)
    for y, x, *neighbours in each_byte(plain, pixel_bytes):
        plain[y, x] = (int(rows[y, 1 + x]) + predicted(rows[y, 0], *neighbours)) % 256
    return plain


def filtered(samples: Any) -> bytes:
    """Image data of (H, W, channels), the filter types taking turns."""
    height, width, channels = samples.shape
    plain = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, width * channels * 2)
    rows = np.zeros((height, 1 + plain.shape[1]), np.uint8)
    rows[:, 0] = (np.arange(height) + 4) % 5
    for y, x, *neighbours in each_byte(plain, channels * 2):
        rows[y, 1 + x] = (int(plain[y, x]) - predicted(rows[y, 0], *neighbours)) % 256
    return rows.tobytes()


def header(width: int, height: int, colour_type: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, interlaced))


def png(samples: Any, colour_type: int, *, interlaced: bool = False, before: bytes = b"", after: bytes = b"") -> bytes:
    """A file of (H, W, channels), its image data in chunks of 50 bytes, with other chunks before and after these."""
    data = filtered(samples)
    if interlaced:
        passes = [samples[top::down, left::right] for top, left, down, right in ADAM7]
        data = b"".join(filtered(part) for part in passes if part.size)
    deflated = zlib.compress(data)
    body = b"".join(chunk(b"IDAT", deflated[at : at + 50]) for at in range(0, len(deflated), 50))
    head = SIGNATURE + header(samples.shape[1], samples.shape[0], colour_type, interlaced)
    return head + before + body + after + chunk(b"IEND", b"")
