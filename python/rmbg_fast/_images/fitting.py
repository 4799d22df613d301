"""Pictures scaled down to fit a longest side."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import _core
from .arrays import Pixels

_TOP = 65535
_MOST_OF_THE_KERNEL = 16383


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height in the same proportion, rounded, the longer one `max_side`; as they are where it is no more."""
    longer = max(width, height)
    if longer <= max_side:
        return width, height
    wide, high = ((2 * side * max_side + longer) // (2 * longer) for side in (width, height))
    return max(1, wide), max(1, high)


def resized(pixels: Pixels, size: tuple[int, int], threads: int = 1) -> Pixels:
    """The picture at another width and height, by Pillow's bicubic filter, widened where it shrinks; colours weigh as
    their alpha. `reference.sizes.resized` says the same in NumPy."""
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    if pixels.dtype == np.uint16:
        return _resized_16(pixels, size)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    opaque = channels != 4 or bool((pixels[..., 3] == 255).all())
    if not opaque or max(size) > _MOST_OF_THE_KERNEL:
        image = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    # The kernel that feeds models gives the same levels, as floats and plane by plane, in a third of the time.
    planes = _core.preprocess(
        pixels, size[::-1], (0.0,) * 3, (1 / 255,) * 3, "pillow-bicubic", "none", False, False, "float32", None, threads
    )
    levels = np.rint(planes[0]).astype(np.uint8)
    if channels == 1:
        return cast(Pixels, levels[0])
    small = np.full((size[1], size[0], channels), 255, np.uint8)
    small[..., :3] = levels.transpose(1, 2, 0)
    return small


def _resized_16(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint16]:
    planes: list[NDArray[Any]]
    planes = [np.ascontiguousarray(plane, np.float32) for plane in np.moveaxis(np.atleast_3d(pixels), -1, 0)]
    if len(planes) == 4:
        planes[:3] = [plane * (planes[3] / _TOP) for plane in planes[:3]]
    small = [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)) for plane in planes]
    if len(small) == 4:
        alpha = np.clip(small[3], 0, _TOP)
        weight = np.maximum(alpha, 1) / _TOP
        small = [*(plane / weight for plane in small[:3]), alpha]
    levels = np.stack([np.rint(np.clip(plane, 0, _TOP)).astype(np.uint16) for plane in small], axis=-1)
    return levels if pixels.ndim == 3 else levels[..., 0]
