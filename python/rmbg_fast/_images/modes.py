"""Pillow's modes, to grey, RGB or RGBA of 8 bits."""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image, ImageChops

from ..errors import ImageError
from . import profiles, tiff
from .depth import to_8_bit


def to_straight(image: Image.Image, icc: object, name: str) -> Image.Image:
    """Convert any mode to L, RGB or RGBA with 8 bits a channel."""
    if image.mode == "F":
        raise ImageError(f"{name}: holds 32-bit float pixels: scale them to 0..255 and convert to 8 bits first")
    image = _from_integers(image, name) if image.mode.startswith("I") else _keyed(image)
    if image.mode == "La":  # Pillow has no direct way from here to RGBA
        image = image.convert("LA")
    if profiles.space(icc) == b"GRAY" and _is_grey(image):
        return grey_to_srgb(image, cast(bytes, icc))
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode == "CMYK" and profiles.space(icc) == b"CMYK":
        return profiles.to_srgb(image, cast(bytes, icc))
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _is_grey(image: Image.Image) -> bool:
    """Grey with alpha and 16 bits is RGBA to Pillow."""
    if image.mode in ("RGB", "RGBA"):
        red, green, blue = (image.getchannel(channel) for channel in range(3))
        return not (ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox())
    return image.mode in ("L", "LA")


def grey_to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Grey in any mode through its profile, its alpha as it is: L (of a damaged profile), RGB or RGBA."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colour = profiles.to_srgb(image if image.mode == "L" else image.getchannel(0), icc)
    if alpha is None:
        return colour
    return Image.merge("RGBA", [*colour.convert("RGB").split(), alpha])


def _keyed(image: Image.Image) -> Image.Image:
    """A decoded PNG whose transparent colour is at the depth of Pillow's samples, where it was at the file's own."""
    key = image.info.get("transparency")
    changed: int | tuple[int, ...] | None = None
    if image.format == "PNG" and image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        changed = tuple(value >> 8 for value in key)  # as Pillow cuts samples
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int) and 0 < key < 16:
        levels = np.flatnonzero(image.histogram())
        step = next((step for step in (85, 17) if key * step <= 255 and not (levels % step).any()), 1)
        changed = None if step == 1 else key * step  # 2 or 4 bits: no 8-bit file has such levels and such a key
    if changed is None:
        return image
    image = image.copy()
    image.info["transparency"] = changed
    return image


def _from_integers(image: Image.Image, name: str) -> Image.Image:
    """Grey of 16 or 32 bits, to L or RGBA. 32-bit values up to 255 are levels of 8 bits, unless Pillow put 16 bits of a
    file there."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name}: holds 32-bit values beyond 0..65535: scale them to 8 or 16 bits first")
    levels = image.mode == "I" and image.format not in ("PNG", "PPM") and values.max() <= 255
    grey = values.astype(np.uint8) if levels else to_8_bit(values)
    if tiff.white_is_zero(image):
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
