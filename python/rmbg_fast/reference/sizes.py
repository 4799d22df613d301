"""What `max_side` makes of a picture, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .axes import BICUBIC, filter_taps, resize_levels


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height in the same proportion, rounded half up, the longer one `max_side`, where it is longer."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, int(np.floor(width * scale + 0.5))), max(1, int(np.floor(height * scale + 0.5)))


def resized(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """(H, W) or (H, W, C), uint8 or uint16, at another width and height: Pillow's bicubic filter (Keys, a = -1/2),
    widened where it shrinks, of colours that are multiplied by their alpha.

    uint8 is Pillow's to the bit, as long as it takes the columns first; Pillow 13 takes the rows first where a picture
    loses more than twice as many rows as columns. uint16 is float64, rounded once.
    """
    picture = np.atleast_3d(image)
    wide, high = size
    small: NDArray[Any]
    if image.dtype == np.uint8:
        if picture.shape[2] != 4:
            small = resize_levels(picture, (high, wide), BICUBIC)
        else:
            small = _straight(resize_levels(_multiplied(picture), (high, wide), BICUBIC))
    else:
        small = _resized_16(picture.astype(np.float64), wide, high)
    return small if image.ndim == 3 else small[..., 0]


def _multiplied(picture: NDArray[Any]) -> NDArray[np.uint8]:
    product = picture[..., :3].astype(np.int64) * picture[..., 3:] + 128
    return np.dstack([(product + (product >> 8)) >> 8, picture[..., 3:]]).astype(np.uint8)


def _straight(picture: NDArray[Any]) -> NDArray[np.uint8]:
    colour, alpha = picture[..., :3].astype(np.int64), picture[..., 3:].astype(np.int64)
    divided = np.where((alpha == 0) | (alpha == 255), colour, 255 * colour // np.maximum(alpha, 1))
    return np.dstack([np.minimum(divided, 255), alpha]).astype(np.uint8)


def _resized_16(picture: NDArray[np.float64], wide: int, high: int) -> NDArray[np.uint16]:
    top = 65535.0
    transparent = picture.shape[2] == 4
    if transparent:
        picture[..., :3] *= picture[..., 3:] / top
    small = _along(_along(picture, high).transpose(1, 0, 2), wide).transpose(1, 0, 2)
    if transparent:
        alpha = np.clip(small[..., 3:], 0, top)
        small = np.dstack([small[..., :3] * top / np.maximum(alpha, 1), alpha])
    return np.rint(np.clip(small, 0, top)).astype(np.uint16)


def _along(rows: NDArray[np.float64], after: int) -> NDArray[np.float64]:
    taps = filter_taps(rows.shape[0], after, BICUBIC)
    return np.stack([np.tensordot(taps.weights[d], rows[taps.samples[d]], axes=1) for d in range(after)])
