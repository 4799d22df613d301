"""What is put behind a subject: a colour, or a picture that covers the photo as CSS `background-size: cover` does."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageError, OptionError
from . import colours, profiles, reading
from .arrays import Pixels
from .depth import to_8_bit
from .reading import Source

Colour: TypeAlias = tuple[int, int, int]


class Ground:
    """A background, read once, for any number of photos. What it became for the last one is kept."""

    def __init__(self, value: Any) -> None:
        """`value`: a colour as `colours.parse_colour` takes it, or a picture as `reading.read` does; text that names no
        colour is a path. Raises OptionError and ImageError."""
        self.file: str | None = None
        self._colour: Colour | None = None
        self._picture: Source | None = None
        self._last: tuple[Any, NDArray[Any]] | None = None
        if _is_colour(value):
            self._colour = colours.parse_colour(value)
            return
        try:
            self._picture = reading.read(value, deep=True)
        except ImageError as exc:
            raise type(exc)(f"the background: {exc}") from exc
        if isinstance(value, (str, os.PathLike)):
            self.file = os.fsdecode(value)

    def under(self, photo: Source) -> Colour | NDArray[Any]:
        """The colour, or the picture, (H, W, 3) of the photo's size and dtype; both in the photo's colours."""
        if self._picture is None:
            assert self._colour is not None
            return photo.metadata.colour_of(self._colour)
        wanted = (photo.pixels.shape[:2], photo.pixels.dtype, photo.icc)
        last = self._last
        if last is None or last[0] != wanted:
            last = self._last = (wanted, _fitted(self._picture, photo))
        return last[1]


def _is_colour(value: Any) -> bool:
    """Whether it is meant for one. Raises OptionError for text that names neither a colour nor a file."""
    if isinstance(value, str):
        try:
            colours.parse_colour(value)
        except OptionError as exc:
            if not os.path.exists(value):
                raise OptionError(f"{exc}; nor is it a picture file: there is none of that name") from exc
            return False
        return True
    if isinstance(value, (bytes, bytearray, memoryview, os.PathLike, Image.Image)) or hasattr(value, "read"):
        return False
    return getattr(value, "ndim", 2 if hasattr(value, "__dlpack__") else 1) < 2


def _fitted(picture: Source, photo: Source) -> NDArray[Any]:
    pixels, deep = _opaque(picture.pixels), photo.pixels.dtype == np.uint16
    height, width = photo.pixels.shape[:2]
    same_colours = picture.icc == photo.icc
    if pixels.dtype == np.uint16 and not (deep and same_colours):  # LittleCMS through Pillow converts 8 bits
        pixels = to_8_bit(pixels)
    if pixels.shape[:2] != (height, width):
        pixels = _covering(pixels, width, height)
    if not same_colours:
        image = Image.fromarray(np.ascontiguousarray(pixels))
        pixels = np.asarray(profiles.between(image, picture.icc, photo.icc))
    if deep and pixels.dtype == np.uint8:
        pixels = pixels * np.uint16(257)
    return np.ascontiguousarray(pixels)


def _opaque(pixels: Pixels) -> NDArray[Any]:
    """RGB; what is transparent shows white."""
    if pixels.ndim == 2:
        return np.dstack([pixels] * 3)
    top = np.uint32(np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 3 or (pixels[..., 3] == top).all():
        return pixels[..., :3]
    colour, alpha = pixels[..., :3].astype(np.uint32), pixels[..., 3:].astype(np.uint32)
    return ((colour * alpha + top * (top - alpha) + top // 2) // top).astype(pixels.dtype)


def _covering(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Scaled, in its own proportions, to the smallest size that leaves nothing bare, and cut off alike at both ends."""
    high, wide = pixels.shape[:2]
    scale = max(width / wide, height / high)
    shown = (min(width / scale, wide), min(height / scale, high))
    left, top = (wide - shown[0]) / 2, (high - shown[1]) / 2
    box = (left, top, left + shown[0], top + shown[1])

    def scaled(plane: NDArray[Any]) -> NDArray[Any]:
        image = Image.fromarray(np.ascontiguousarray(plane))
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0))

    if pixels.dtype == np.uint8:
        return scaled(pixels)
    planes = [scaled(pixels[..., c].astype(np.float32)) for c in range(3)]  # Pillow filters 16 bits in float
    return np.dstack(planes).clip(0, 65535).round().astype(np.uint16)
