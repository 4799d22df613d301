"""What is put behind a subject: a colour, or a picture that covers the photo as CSS `background-size: cover` does."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import OptionError
from . import colours, profiles, reading
from .depth import to_8_bit
from .reading import Source

Colour: TypeAlias = tuple[int, int, int]


class Ground:
    """A background, read once, for any number of photos. What it became for the last one is kept."""

    def __init__(self, value: Any) -> None:
        """`value`: a colour as `colours.parse_colour` takes it, or a picture as `reading.read` does; text that names no
        colour is a path. Raises OptionError and ImageError."""
        self._colour: Colour | None = None
        self._picture: Source | None = None
        self._last: tuple[Any, NDArray[Any]] | None = None
        if isinstance(value, str):
            try:
                self._colour = colours.parse_colour(value)
                return
            except OptionError as exc:
                if not os.path.exists(value):
                    raise OptionError(f"{exc}; nor is it a picture file: there is none of that name") from exc
        elif isinstance(value, (tuple, list)) or getattr(value, "ndim", 2) < 2 or not _may_be_picture(value):
            self._colour = colours.parse_colour(value)
            return
        self._picture = reading.read(value, deep=True)

    def under(self, photo: Source) -> Colour | NDArray[Any]:
        """The colour, or the picture, (H, W, 3) of the photo's size and dtype; both in the photo's colours."""
        if self._picture is None:
            assert self._colour is not None
            return photo.metadata.colour_of(self._colour)
        wanted = (photo.pixels.shape[:2], photo.pixels.dtype, photo.icc)
        if self._last is None or self._last[0] != wanted:
            self._last = (wanted, _fitted(self._picture, photo))
        return self._last[1]


def _may_be_picture(value: Any) -> bool:
    kinds = (os.PathLike, bytes, bytearray, memoryview, Image.Image)
    return isinstance(value, kinds) or hasattr(value, "__dlpack__") or hasattr(value, "read")


def _fitted(picture: Source, photo: Source) -> NDArray[Any]:
    pixels, size = _opaque(picture.pixels), photo.pixels.shape[:2]
    same_colours = picture.icc == photo.icc
    if not (pixels.shape[:2] == size and pixels.dtype == photo.pixels.dtype and same_colours):
        narrow = to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels
        image = _covering(Image.fromarray(np.ascontiguousarray(narrow)), size[1], size[0])
        if not same_colours:
            image = profiles.between(image, picture.icc, photo.icc)
        pixels = np.asarray(image)
        if photo.pixels.dtype == np.uint16:
            pixels = pixels * np.uint16(257)
    return np.ascontiguousarray(pixels)


def _opaque(pixels: NDArray[Any]) -> NDArray[Any]:
    """RGB; what is transparent shows white."""
    if pixels.ndim == 2:
        return np.dstack([pixels] * 3)
    if pixels.shape[2] == 3:
        return pixels
    top = np.uint64(np.iinfo(pixels.dtype).max)
    colour, alpha = pixels[..., :3].astype(np.uint64), pixels[..., 3:].astype(np.uint64)
    return ((colour * alpha + top * (top - alpha) + top // 2) // top).astype(pixels.dtype)


def _covering(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled, in its own proportions, to the smallest size that leaves nothing bare, and cut off alike at both ends."""
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    wide, high = min(width / scale, image.width), min(height / scale, image.height)
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    box = (left, top, left + wide, top + high)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
