"""PNG files, read by the PNG specification (third edition, W3C): at every depth as deep as they are, with the colour
that tRNS names compared at the file's own depth. Pillow keeps 8 bits of colours, loses such keys, knows no cICP, and
takes a long profile or text for damage."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_BYTES = 33  # what `header` reads

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _PALETTE: (1, 2, 4, 8)}
_COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM", b"pHYs")
_ORIENTATION = {b"iTXt": (b"XML:com.adobe.xmp\0",), b"tEXt": (b"Raw profile type exif\0", b"Raw profile type APP1\0")}
_ORIENTATION |= {b"zTXt": _ORIENTATION[b"tEXt"], b"eXIf": (b"",)}
_MAX_ORIENTATION_BYTES = 1 << 20  # of text that is searched for one
_MAX_PROFILE_BYTES = 1 << 26
_WHOLE = ((0, 0, 1, 1),)  # top, left, rows down, columns right
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(frozen=True)
class Header:
    """The first chunk, IHDR."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool

    @property
    def grey(self) -> bool:
        """Whether pixels have no colour."""
        return self.colour_type in (_GREY, _GREY_ALPHA)


@dataclass(frozen=True)
class Picture:
    """A decoded file: `pixels`, straight alpha, not yet upright, of shape (H, W), (H, W, 3) or (H, W, 4), uint16 where
    the file has 16 bits a sample, else uint8, on the whole scale of their type; the ICC profile; the bodies of cICP,
    sRGB, gAMA, cHRM and pHYs; `about`, a PNG of one pixel with the file's EXIF and XMP; and whether data is missing,
    whose pixels then are grey."""

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    icc: bytes | None
    colour: dict[bytes, bytes]
    about: bytes
    cut: bool


def header(head: bytes) -> Header:
    """Of a file that begins with `head`. Raises ValueError where the specification knows no such picture."""
    if len(head) < HEADER_BYTES or head[12:16] != b"IHDR" or struct.unpack_from(">I", head, 8)[0] != 13:
        raise ValueError("it does not begin with a header")
    width, height, depth, colour_type, compression, filters, interlace = struct.unpack_from(">IIBBBBB", head, 16)
    if depth not in _DEPTHS.get(colour_type, (8, 16)) or colour_type not in _CHANNELS:
        raise ValueError(f"there is no colour type {colour_type} with {depth} bits")
    if compression or filters or interlace > 1:
        raise ValueError("its compression, filters or interlacing are of an unknown kind")
    return Header(width, height, depth, colour_type, interlace == 1)


def decode(data: bytes, *, accept_cut: bool = False) -> Picture:
    """Decode a file whose `header` has been read and its size checked; `accept_cut`: also where its end is missing.

    Raises ValueError, zlib.error or struct.error for damaged data.
    """
    head = header(data)
    parts: list[memoryview] = []
    about: list[bytes] = []
    colour: dict[bytes, bytes] = {}
    icc, palette, transparent, ended = None, None, None, False
    for kind, body in _chunks(data, accept_cut):
        if kind == b"IHDR" and body != data[16:29]:  # the size that was checked may be this one's
            raise ValueError("it has two headers")
        if kind == b"IDAT":
            parts.append(body)
        elif kind == b"PLTE":
            palette = body
        elif kind == b"tRNS":
            transparent = body
        elif kind == b"iCCP":
            icc = _profile(body)
        elif kind in _COLOUR:
            colour[kind] = bytes(body)
        elif bytes(body[:24]).startswith(_ORIENTATION.get(kind, ())) and len(body) <= _MAX_ORIENTATION_BYTES:
            about.append(chunk(kind, body))
        ended = ended or kind == b"IEND"
    samples, missing = _samples(b"".join(parts), head, accept_cut and not ended)
    pixels = _shaped(samples, head, palette, transparent)
    if missing is not None:
        top = np.iinfo(pixels.dtype).max
        pixels[missing] = (np.array([128, 128, 128, 255]) * (top // 255))[: 1 if pixels.ndim == 2 else pixels.shape[2]]
    one_pixel = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, _GREY, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(bytes(2))) + chunk(b"IEND", b"")
    whole_about = b"".join((SIGNATURE, one_pixel, *about, rest)) if about else b""
    return Picture(pixels, icc, colour, whole_about, missing is not None)


def _chunks(data: bytes, accept_cut: bool) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and body of the chunks, up to the first that is cut short. One that is not needed may be damaged."""
    view, start = memoryview(data), len(SIGNATURE)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[start + 4 : end]) == struct.unpack_from(">I", data, end)[0]:
            yield kind, view[start + 8 : end]
        elif kind[:1].isupper() or kind == b"tRNS" or kind == b"iCCP" or kind in _COLOUR:
            raise ValueError(f"the checksum of the chunk at byte {start} is wrong")
        if kind == b"IEND":
            return
        start = end + 4
    if accept_cut and data[start + 4 : start + 8] == b"IDAT":
        yield b"IDAT", view[start + 8 :]


def chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join([struct.pack(">I4s", len(body), kind), body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))])


def _profile(body: memoryview) -> bytes | None:
    """Of iCCP: a name, a zero, the method, the profile deflated. None where it is damaged."""
    packed = bytes(body).partition(b"\0")[2]
    try:
        profile = zlib.decompressobj().decompress(packed[1:], _MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    return profile if 128 <= len(profile) <= _MAX_PROFILE_BYTES else None


def _samples(deflated: bytes, head: Header, accept_cut: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The numbers of the file, (H, W, channels), uint8 or uint16; and where they are missing, or None."""
    shape = (head.height, head.width, _CHANNELS[head.colour_type])
    bits = shape[2] * head.depth
    passes = _ADAM7 if head.interlaced else _WHOLE
    sizes = [(len(range(top, shape[0], down)), len(range(left, shape[1], right))) for top, left, down, right in passes]
    row_bytes = [(columns * bits + 7) // 8 for _, columns in sizes]
    wanted = sum(rows * (1 + row) for (rows, columns), row in zip(sizes, row_bytes, strict=True) if columns)
    # One byte more is asked for than there should be: zlib then goes on to the end and compares its own checksum.
    data = zlib.decompressobj().decompress(deflated, wanted + 1)
    if len(data) < wanted and (not accept_cut or len(data) <= row_bytes[0]):
        raise ValueError("the image data ends early")
    if len(data) >= wanted and head.depth == 8 and not head.interlaced:
        return _unfiltered(data, 0, shape[0], row_bytes[0], shape[2]).reshape(shape), None
    samples: NDArray[Any] = np.empty(shape, np.uint16 if head.depth == 16 else np.uint8)
    missing = np.zeros(shape[:2], np.bool_) if len(data) < wanted else None
    used = 0
    for (rows, columns), row, (top, left, down, right) in zip(sizes, row_bytes, passes, strict=True):
        if not (rows and columns):
            continue
        there = min(rows, (len(data) - used) // (1 + row)) if missing is not None else rows
        plain = _unfiltered(data, used, there, row, max(1, bits // 8))
        part = samples[top::down, left::right]
        part[:there] = _unpacked(plain, columns, shape[2], head.depth)
        if missing is not None:
            missing[top::down, left::right][there:] = True
        used += rows * (1 + row) if there == rows else len(data)
    return samples, missing


def _unfiltered(data: bytes, start: int, rows: int, row_bytes: int, pixel_bytes: int) -> NDArray[np.uint8]:
    filtered = np.frombuffer(data, np.uint8, rows * (1 + row_bytes), start).reshape(rows, 1 + row_bytes)
    plain = np.empty((rows, row_bytes), np.uint8)
    done = _core.png_unfilter(filtered, pixel_bytes, plain) if rows else 0
    if done < rows:
        raise ValueError(f"a row has filter type {filtered[done, 0]}: there are but 0 to 4")
    return plain


def _unpacked(rows: NDArray[np.uint8], columns: int, channels: int, depth: int) -> NDArray[Any]:
    if depth == 16:
        return rows.view(">u2").reshape(len(rows), columns, channels)
    if depth < 8:  # the first pixel has the highest bits
        shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
        rows = ((rows[:, :, None] >> shifts) & (2**depth - 1)).reshape(len(rows), -1)[:, :columns]
    return rows.reshape(len(rows), columns, channels)


def _shaped(
    samples: NDArray[Any], head: Header, palette: memoryview | None, transparent: memoryview | None
) -> NDArray[Any]:
    """Samples to pixels on the whole scale; what tRNS says becomes alpha."""
    if head.colour_type == _PALETTE:
        return _coloured(samples[..., 0], palette, transparent)
    if head.colour_type == _GREY_ALPHA:
        return samples[..., [0, 0, 0, 1]]
    if head.colour_type == _RGBA:
        return samples
    hidden = None
    if transparent is not None:
        key = struct.unpack_from(f">{samples.shape[2]}H", transparent)
        hidden = (samples == (np.array(key, np.uint16) & (2**head.depth - 1))).all(axis=-1)
    if head.depth < 8:
        samples = samples * np.uint8(255 // (2**head.depth - 1))
    if hidden is None:
        return samples[..., 0] if head.colour_type == _GREY else samples
    rgba = np.empty((*samples.shape[:2], 4), samples.dtype)
    rgba[..., :3] = samples
    rgba[..., 3] = np.where(hidden, 0, np.iinfo(samples.dtype).max)
    return rgba


def _coloured(
    indices: NDArray[np.uint8], palette: memoryview | None, transparent: memoryview | None
) -> NDArray[np.uint8]:
    """RGB, or RGBA with tRNS, which has the alpha of the first colours. What the palette lacks is black."""
    if palette is None or len(palette) % 3 or not 3 <= len(palette) <= 768:
        raise ValueError("it has no palette")
    table = np.zeros((256, 3 if transparent is None else 4), np.uint8)
    table[: len(palette) // 3, :3] = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    if transparent is not None:
        table[:, 3] = 255
        alphas = np.frombuffer(transparent, np.uint8)[:256]
        table[: len(alphas), 3] = alphas
    return table[indices]
