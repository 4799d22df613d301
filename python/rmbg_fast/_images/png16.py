"""PNG files with 16 bits a sample, whose pixels Pillow cuts down to 8: read and written here, by the PNG specification
(third edition, W3C). What such a file says beside its pixels is left to Pillow."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _core

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = ">IIBBBBB"  # width, height, bits a sample, colour type, two zeros, interlace method
_GREY, _RGB, _GREY_ALPHA, _RGBA = 0, 2, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _GREY_ALPHA: 2, _RGBA: 4}
_ABOUT = (b"eXIf", b"iCCP", b"iTXt", b"tEXt", b"zTXt")
_WHOLE = ((0, 0, 1, 1),)  # top, left, rows down, columns right
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))

HEAD_BYTES = 33  # what `is_deep` looks at


@dataclass(frozen=True)
class DeepPng:
    """A decoded file: `pixels`, uint16 of shape (H, W), (H, W, 3) or (H, W, 4), straight alpha, not yet upright; and
    `about`, a PNG of one pixel with the file's EXIF, XMP, text and ICC profile.

    Pillow finds out what stands behind the image data (EXIF may) only by decoding it: of `about` that takes no time.
    """

    pixels: NDArray[np.uint16]
    about: bytes


def is_deep(head: bytes) -> bool:
    """Whether a file that begins with `head` is a PNG with 16 bits a sample."""
    return (
        len(head) >= HEAD_BYTES
        and head.startswith(_SIGNATURE)
        and head[12:16] == b"IHDR"
        and head[24] == 16
        and head[25] in _CHANNELS
    )


def decode(data: bytes) -> DeepPng:
    """Decode a file for which `is_deep`; a colour that tRNS names becomes alpha. The caller has checked the size.

    Raises ValueError, zlib.error or struct.error for damaged data.
    """
    header = data[16:29]
    colour_type, interlaced = header[9], header[12] == 1
    parts, about, transparent = [], [], None
    for kind, body in _chunks(data):
        if kind == b"IHDR" and body != header:  # the size that was checked may be this one's
            raise ValueError("it has two headers")
        if kind == b"IDAT":
            parts.append(body)
        elif kind == b"tRNS":
            transparent = body
        elif kind in _ABOUT:
            about.append(_chunk(kind, body))
    width, height = struct.unpack_from(">II", header)
    pixels = _pixels(b"".join(parts), (height, width, _CHANNELS[colour_type]), _ADAM7 if interlaced else _WHOLE)
    one_pixel = _chunk(b"IHDR", struct.pack(_HEADER, 1, 1, 8, _GREY, 0, 0, 0))
    rest = _chunk(b"IDAT", zlib.compress(bytes(2))) + _chunk(b"IEND", b"")
    return DeepPng(_shaped(pixels, colour_type, transparent), b"".join((_SIGNATURE, one_pixel, *about, rest)))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and body of the chunks, up to the first that is cut short. One that is not needed may be damaged."""
    view, start = memoryview(data), len(_SIGNATURE)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            return
        if zlib.crc32(view[start + 4 : end]) == struct.unpack_from(">I", data, end)[0]:
            yield kind, view[start + 8 : end]
        elif kind[:1].isupper():
            raise ValueError(f"the checksum of the chunk at byte {start} is wrong")
        if kind == b"IEND":
            return
        start = end + 4


def _pixels(
    deflated: bytes, shape: tuple[int, int, int], passes: tuple[tuple[int, int, int, int], ...]
) -> NDArray[np.uint16]:
    height, width, channels = shape
    pixel_bytes = 2 * channels
    sizes = [(len(range(top, height, down)), len(range(left, width, right))) for top, left, down, right in passes]
    wanted = sum(rows * (1 + columns * pixel_bytes) for rows, columns in sizes if columns)
    # One byte more is asked for than there should be: zlib then goes on to the end and compares its own checksum.
    data = zlib.decompressobj().decompress(deflated, wanted + 1)
    if len(data) < wanted:
        raise ValueError("the image data ends early")
    pixels, used = np.empty(shape, np.uint16), 0
    for (rows, columns), (top, left, down, right) in zip(sizes, passes, strict=True):
        if not (rows and columns):
            continue
        count = rows * (1 + columns * pixel_bytes)
        filtered = np.frombuffer(data, np.uint8, count, used).reshape(rows, -1)
        plain = np.empty((rows, columns * pixel_bytes), np.uint8)
        done = _core.png_unfilter(filtered, pixel_bytes, plain)
        if done < rows:
            raise ValueError(f"a row has filter type {filtered[done, 0]}: there are but 0 to 4")
        pixels[top::down, left::right] = plain.view(">u2").reshape(rows, columns, channels)
        used += count
    return pixels


def _shaped(pixels: NDArray[np.uint16], colour_type: int, transparent: memoryview | None) -> NDArray[np.uint16]:
    if colour_type == _GREY_ALPHA:
        return pixels[..., [0, 0, 0, 1]]
    if colour_type != _RGBA and transparent is not None:
        key = struct.unpack_from(f">{_CHANNELS[colour_type]}H", transparent)
        rgba = np.empty((*pixels.shape[:2], 4), np.uint16)
        rgba[..., :3] = pixels
        rgba[..., 3] = np.where((pixels == key).all(axis=-1), 0, 65535)
        return rgba
    return pixels[..., 0] if colour_type == _GREY else pixels


# --- out

_BAND = 64  # rows that are filtered at a time, so that they stay in the cache
_IDAT_BYTES = 1 << 20


def encode(pixels: NDArray[np.uint16], icc: bytes | None = None) -> bytes:
    """The bytes of a PNG file of `pixels`, uint16 of shape (H, W), (H, W, 3) or (H, W, 4), with an ICC profile."""
    height, width = pixels.shape[:2]
    colour_type = {1: _GREY, 3: _RGB, 4: _RGBA}[pixels[0, 0].size]
    chunks = [_SIGNATURE, _chunk(b"IHDR", struct.pack(_HEADER, width, height, 16, colour_type, 0, 0, 0))]
    if icc is not None:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    deflated = memoryview(b"".join(_deflated(pixels)))
    chunks += [_chunk(b"IDAT", deflated[start : start + _IDAT_BYTES]) for start in range(0, len(deflated), _IDAT_BYTES)]
    return b"".join([*chunks, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join([struct.pack(">I4s", len(body), kind), body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))])


def _deflated(pixels: NDArray[np.uint16]) -> Iterator[bytes]:
    """Each row as its difference to its left or its upper neighbours, whichever has fewer bytes that are not 0.

    On 3 Mpixel of a photo as RGBA (24 MB) level 1 takes 250 ms and leaves 8.8 MB; run lengths alone, as the low bytes
    are noise, 130 ms and 8.3 MB. Paeth would save 3 % more and take four times as long in NumPy. The choice per row is
    for smooth drawings: a vertical gradient is 30 kB with it and 5 MB without.
    """
    compressor = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    pixel_bytes = 2 * pixels[0, 0].size
    last = np.zeros((1, pixels.shape[1] * pixel_bytes), np.uint8)
    for start in range(0, len(pixels), _BAND):
        band = pixels[start : start + _BAND]
        plain = band.astype(">u2", order="C").view(np.uint8).reshape(len(band), -1)
        by_left = plain.copy()
        by_left[:, pixel_bytes:] -= plain[:, :-pixel_bytes]
        by_up = plain - np.concatenate([last, plain[:-1]])
        left = np.count_nonzero(by_left, axis=1) < np.count_nonzero(by_up, axis=1)
        types = np.where(left, 1, 2).astype(np.uint8)
        yield compressor.compress(np.column_stack([types, np.where(left[:, None], by_left, by_up)]).data)
        last = plain[-1:]
    yield compressor.flush()
