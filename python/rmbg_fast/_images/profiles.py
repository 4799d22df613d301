"""ICC profiles: whose colours one describes, what goes through one, and those that are made here for colours that a PNG
file describes by gAMA, cHRM or cICP."""

from __future__ import annotations

import io
import struct
from typing import Any, TypeAlias, cast

import numpy as np
from PIL import Image

Point: TypeAlias = tuple[float, float]  # CIE x, y

_D50 = np.array([0.9642, 1.0, 0.8249])  # the white of the profile connection space
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65: Point = (0.3127, 0.3290)
SRGB_POINTS: tuple[Point, ...] = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # white, red, green, blue

# By the code points of ITU-T H.273, tables 2 and 3.
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    1: SRGB_POINTS,
    4: ((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: ((0.310, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _curve(kind: int, *parameters: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(*parameters)


def _power_with_toe(exponent: float, scale: float, edge: float, slope: float) -> bytes:
    """light = ((v + scale - 1) / scale)^exponent from `edge` on, below it v / slope."""
    return _curve(3, exponent, 1 / scale, (scale - 1) / scale, 1 / slope, edge)


SRGB_CURVE = _power_with_toe(2.4, 1.055, 0.04045, 12.92)
_BT709_CURVE = _power_with_toe(1 / 0.45, 1.099, 0.081, 4.5)
_TRANSFERS = {
    1: _BT709_CURVE, 4: _curve(0, 2.2), 5: _curve(0, 2.8), 6: _BT709_CURVE, 8: _curve(0, 1.0), 13: SRGB_CURVE,
    14: _BT709_CURVE, 15: _BT709_CURVE,
}  # fmt: skip


def power_curve(exponent: float) -> bytes:
    """light = v^exponent, for `matrix_profile`."""
    return _curve(0, exponent)


def from_code_points(primaries: int, transfer: int) -> bytes | None:
    """A profile for H.273's code points; None for those that are unknown, or brighter than white (PQ, HLG)."""
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        return None
    return matrix_profile(_PRIMARIES[primaries], _TRANSFERS[transfer])


def matrix_profile(points: tuple[Point, ...], curve: bytes) -> bytes | None:
    """An RGB profile (ICC.1:2022) of white, red, green and blue points and one curve; None where no such colours are.

    Colours are adapted to D50 by Bradford's method, as the standard's annex E says.
    """
    if not all(y > 0 for _, y in points):
        return None
    white, *primaries = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    try:
        columns = np.stack(primaries, axis=1)
        columns = columns * np.linalg.solve(columns, white)
    except np.linalg.LinAlgError:
        return None
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    columns = adapt @ columns
    if not (np.isfinite(columns).all() and np.abs(columns).max() < 16):
        return None
    name = struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", 18, 28) + "rmbg-fast".encode("utf-16-be")
    tags = {b"desc": name, b"cprt": name, b"wtpt": _xyz(*_D50), b"chad": b"sf32" + bytes(4) + _fixed(*adapt.ravel())}
    tags |= {key: _xyz(*columns[:, i]) for i, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _file(tags)


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(x, y, z)


def _file(tags: dict[bytes, bytes]) -> bytes:
    table, body, places = b"", b"", {}
    for key, data in tags.items():
        if data not in places:
            places[data] = 132 + 12 * len(tags) + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", key, places[data], len(data))
    size = 132 + len(table) + len(body)
    head = struct.pack(">I4xI4s4s4s", size, 0x04300000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + _fixed(*_D50).ljust(60, b"\0") + struct.pack(">I", len(tags)) + table + body


# --- given ones


def space(icc: object) -> bytes | None:
    """The colour space that a profile is for: b"RGB ", b"GRAY", b"CMYK", ...; None where it is no profile."""
    return icc[16:20] if isinstance(icc, bytes) and len(icc) >= 128 else None


def of_rgb(icc: object) -> bytes | None:
    """The profile, where it is one for RGB."""
    return cast(bytes, icc) if space(icc) == b"RGB " else None


def to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert CMYK or grey (L) through its own profile, which cannot travel with an RGB result."""
    converted = _converted(image, icc, None)
    if converted is None:
        return image if image.mode == "L" else image.convert("RGB")
    return converted


def between(image: Image.Image, before: bytes | None, after: bytes | None) -> Image.Image:
    """RGB from one profile to another; None stands for sRGB. As it is, where one of them is damaged."""
    return _converted(image, before, after) or image


# cmsFLAGS_BLACKPOINTCOMPENSATION of lcms2.h; Pillow before 10.3 has no ImageCms.Flags
_BLACK_POINT_COMPENSATION = 0x2000


def _converted(image: Image.Image, before: bytes | None, after: bytes | None) -> Image.Image | None:
    """To RGB; None stands for sRGB, and is what comes of a damaged profile, or a Pillow without LittleCMS."""
    from PIL import ImageCms

    def opened(icc: bytes | None) -> ImageCms.ImageCmsProfile:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB") if icc is None else io.BytesIO(icc))

    try:
        return cast(
            Image.Image,
            ImageCms.profileToProfile(
                image,
                opened(before),
                opened(after),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=cast(Any, _BLACK_POINT_COMPENSATION),
            ),
        )
    except (ImageCms.PyCMSError, ImportError, OSError):
        return None
