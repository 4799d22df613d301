"""What a result keeps of the metadata of its image: how the colours are meant, and the resolution. Nothing else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from . import profiles

_METRES = 0.0254  # an inch
_SRGB_GAMMA = 45455  # of gAMA, beside an sRGB curve; tolerated as libpng tolerates it
_SRGB = (1, 13)  # primaries and transfer of cICP


@dataclass(frozen=True)
class Metadata:
    """What travels from an image to its result.

    `icc`: an RGB profile of the pixels: the image's own, or one that says what its gAMA, cHRM or cICP say; None: they
    are sRGB, or it cannot be said so. `colour`: these PNG chunks themselves, types and bodies, for a PNG result, whose
    readers prefer cICP to a profile and a profile to the others. `dpi`: pixels an inch, across and down.
    """

    icc: bytes | None = None
    colour: tuple[tuple[bytes, bytes], ...] = ()
    dpi: tuple[float, float] | None = None

    def png_chunks(self) -> list[tuple[bytes, bytes]]:
        """Types and bodies of the chunks of a PNG file, to stand before its image data."""
        chunks = list(self.colour)
        if self.icc is not None:
            chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(self.icc)))
        if self.dpi is not None:
            a_metre = [min(round(dots / _METRES), 2**31 - 1) for dots in self.dpi]
            chunks.append((b"pHYs", struct.pack(">IIB", *a_metre, 1)))
        return chunks

    def pillow_info(self) -> dict[str, Any]:
        """The same as Pillow names it, in `Image.info` and as options of `Image.save`."""
        info = {"icc_profile": self.icc, "dpi": self.dpi}
        return {key: value for key, value in info.items() if value is not None}

    @property
    def unsaid(self) -> str:
        """What of the colours only a PNG file can say; "": nothing."""
        codes = tuple(dict(self.colour).get(b"cICP", b""))
        if self.icc is not None or not codes or codes[:2] == _SRGB:
            return ""
        return f"the colours are those of cICP {' '.join(map(str, codes))}, which no profile says"

    def turned(self) -> Metadata:
        """That of the picture on its side."""
        return self if self.dpi is None else Metadata(self.icc, self.colour, (self.dpi[1], self.dpi[0]))

    def colour_of(self, colour: tuple[int, int, int]) -> tuple[int, int, int]:
        """An sRGB colour in the colours that `icc` describes."""
        if self.icc is None:
            return colour
        pixel = profiles.between(Image.new("RGB", (1, 1), colour), None, self.icc).getpixel((0, 0))
        assert isinstance(pixel, tuple)
        return (int(pixel[0]), int(pixel[1]), int(pixel[2]))


def of_png(chunks: Mapping[bytes, bytes], icc: bytes | None) -> Metadata:
    """By the bodies of a PNG file's cICP, sRGB, gAMA, cHRM and pHYs; what is damaged is left out."""
    dpi = None
    physical = chunks.get(b"pHYs", b"")
    if len(physical) == 9 and physical[8] == 1:
        dpi = _resolution(tuple(value * _METRES for value in struct.unpack_from(">II", physical)))
    kept = {key: chunks[key] for key in (b"cICP",) if len(chunks.get(key, b"")) == 4}
    own = profiles.of_rgb(icc)
    if own is not None or b"sRGB" in chunks:
        made = None
    else:
        kept |= {key: chunks[key] for key, size in ((b"cHRM", 32), (b"gAMA", 4)) if len(chunks.get(key, b"")) == size}
        made = _made(kept.get(b"gAMA"), kept.get(b"cHRM"))
    if b"cICP" in kept:
        primaries, transfer, matrix, full = kept[b"cICP"]
        own = None  # which it overrules
        made = profiles.from_code_points(primaries, transfer) if (matrix, full) == (0, 1) else None
        made = None if (primaries, transfer) == _SRGB else made
    return Metadata(own or made, tuple(kept.items()), dpi)


def of_pillow(info: Mapping[Any, Any]) -> Metadata:
    """By what Pillow found in a file, or the caller wrote there; what is unusable is left out."""
    try:
        dpi = _resolution(tuple(map(float, info["dpi"])))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        dpi = None
    icc = profiles.of_rgb(info.get("icc_profile"))
    if icc is not None or "srgb" in info:
        return Metadata(icc, (), dpi)
    chunks = {}
    try:
        if "chromaticity" in info:
            chunks[b"cHRM"] = struct.pack(">8I", *(round(value * 100000) for value in info["chromaticity"]))
        if "gamma" in info:
            chunks[b"gAMA"] = struct.pack(">I", round(info["gamma"] * 100000))
    except (TypeError, ValueError, struct.error):
        chunks = {}
    return Metadata(_made(chunks.get(b"gAMA"), chunks.get(b"cHRM")), tuple(chunks.items()), dpi)


def _resolution(dpi: tuple[float, ...]) -> tuple[float, float] | None:
    """Usable by every format: JPEG holds 16 bits of it."""
    usable = len(dpi) == 2 and all(0.5 <= dots <= 65535 for dots in dpi)
    return (dpi[0], dpi[1]) if usable else None


def _made(gamma: bytes | None, chromaticities: bytes | None) -> bytes | None:
    """The profile for gAMA and cHRM; what one of them does not say is as in sRGB."""
    points, curve = profiles.SRGB_POINTS, profiles.SRGB_CURVE
    if chromaticities is not None:
        values = [value / 100000 for value in struct.unpack(">8I", chromaticities)]
        points = tuple(zip(values[::2], values[1::2], strict=True))
    off = max(abs(a - b) for p, q in zip(points, profiles.SRGB_POINTS, strict=True) for a, b in zip(p, q, strict=True))
    value = 0 if gamma is None else struct.unpack(">I", gamma)[0]
    stated = 10_000 <= value <= 1_000_000
    if off <= 0.001 and (not stated or abs(value - _SRGB_GAMMA) <= _SRGB_GAMMA / 100):
        return None
    if stated:
        curve = profiles.power_curve(100000 / value)
    return profiles.matrix_profile(points, curve)
