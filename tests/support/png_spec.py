"""PNG files made and read in the plainest way, from the PNG specification (third edition, W3C) alone: section 4 (what a
pixel is), 7 (filters), 8 (Adam7), 11 (chunks), 13 (scaling of samples)."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
KINDS = [(colour_type, depth) for colour_type, depths in DEPTHS.items() for depth in depths]
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Bodies by type; of several of one type all together."""
    found: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = found.get(kind, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def write(samples: Any, colour_type: int, depth: int, *, before: bytes = b"", interlaced: bool = False) -> bytes:
    """A file of samples of shape (H, W, channels), no row filtered; `before`: chunks before the image data."""
    height, width = samples.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    parts = [samples[top::down, left::right] for top, left, down, right in ADAM7] if interlaced else [samples]
    data = b"".join(b"\0" + _packed(row, depth) for part in parts if part.size for row in part)
    body = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", head) + before + body


def _packed(row: Any, depth: int) -> bytes:
    bits = "".join(f"{int(sample):0{depth}b}" for sample in row.ravel())
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def read(data: bytes) -> Any:
    """RGBA of shape (H, W, 4): uint16 where the file has 16 bits a sample, else uint8, both on their whole scale. Only
    of files without filters and interlacing."""
    parts = chunks(data)
    width, height, depth, colour_type, _, filters, interlaced = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert not filters
    assert not interlaced
    channels = CHANNELS[colour_type]
    row_bytes = (width * channels * depth + 7) // 8
    rows = zlib.decompress(parts[b"IDAT"])
    top = 65535 if depth == 16 else 255
    rgba = np.zeros((height, width, 4), np.uint16 if depth == 16 else np.uint8)
    for y in range(height):
        row = rows[y * (1 + row_bytes) : (y + 1) * (1 + row_bytes)]
        assert row[0] == 0
        bits = "".join(f"{byte:08b}" for byte in row[1:])
        values = [int(bits[at : at + depth], 2) for at in range(0, width * channels * depth, depth)]
        for x in range(width):
            sample = values[x * channels : (x + 1) * channels]
            rgba[y, x] = _pixel(sample, colour_type, depth, parts, top)
    return rgba


def _pixel(sample: list[int], colour_type: int, depth: int, parts: dict[bytes, bytes], top: int) -> list[int]:
    transparent = parts.get(b"tRNS")
    if colour_type == PALETTE:
        at = sample[0]
        alpha = transparent[at] if transparent is not None and at < len(transparent) else 255
        return [*parts[b"PLTE"][3 * at : 3 * at + 3], alpha]
    scaled = [value * top // (2**depth - 1) for value in sample]
    alpha = top
    if colour_type in (GREY_ALPHA, RGBA):
        alpha = scaled.pop()
    elif transparent is not None:
        key = [value % 2**depth for value in struct.unpack(f">{len(sample)}H", transparent)]
        alpha = 0 if key == sample else top
    return [*(scaled * 3 if len(scaled) == 1 else scaled), alpha]
