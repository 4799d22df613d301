"""Attention inside of shifted windows, as Swin defines it (Liu et al. 2021, arXiv:2103.14030), in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def window_attention(
    qkv: Floats,
    qkv_bias: Floats,
    bias: Floats,
    *,
    size: tuple[int, int],
    window: int,
    shift: int = 0,
    scale: float,
    mask: float = -np.inf,
) -> NDArray[np.float64]:
    """What each token gathers from the others in its window, (images, height * width, channels).

    `qkv` is (images, height * width, 3 * channels): queries, keys and values of the tokens of a map of `size`, height
    and width, row by row; `qkv_bias` (3 * channels) is added to them, and is what the map is padded with to whole
    windows. `bias` (heads, window^2, window^2) is added to the scores by place in the window. With a `shift` windows
    begin that far right and down; `mask` is added to the scores of tokens that were not neighbours before the roll.
    """
    height, width = size
    images, heads = len(qkv), len(bias)
    rows, columns = -(-height // window), -(-width // window)
    channels = qkv.shape[-1] // 3
    tokens = np.zeros((images, rows * window, columns * window, 3 * channels))
    tokens[:, :height, :width] = np.asarray(qkv, np.float64).reshape(images, height, width, -1)
    tokens = np.roll(tokens + np.asarray(qkv_bias, np.float64), (-shift, -shift), (1, 2))

    def partition(maps: NDArray[Any]) -> NDArray[Any]:
        cut = maps.reshape(len(maps), rows, window, columns, window, -1).swapaxes(2, 3)
        return cut.reshape(len(maps) * rows * columns, window * window, -1)

    parts = partition(tokens).reshape(-1, window**2, 3, heads, channels // heads).transpose(2, 0, 3, 1, 4)
    queries, keys, values = parts
    scores = queries @ keys.swapaxes(2, 3) * scale + np.asarray(bias, np.float64)
    regions = np.zeros((1, rows * window, columns * window, 1))
    for number, (vertical, horizontal) in enumerate(
        [(v, h) for v in _spans(window, shift) for h in _spans(window, shift)]
    ):
        regions[:, vertical, horizontal] = number
    region = partition(regions)[..., 0]
    apart = region[:, :, None] != region[:, None, :]
    scores += np.tile(np.where(apart, mask, 0.0), (images, 1, 1))[:, None]
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    gathered = weights / weights.sum(-1, keepdims=True) @ values
    back = gathered.swapaxes(1, 2).reshape(images, rows, columns, window, window, channels).swapaxes(2, 3)
    result = np.roll(back.reshape(images, rows * window, columns * window, channels), (shift, shift), (1, 2))
    attended: NDArray[np.float64] = result[:, :height, :width].reshape(images, height * width, channels)
    return attended


def _spans(window: int, shift: int) -> list[slice]:
    """Parts of a padded axis whose tokens may meet: the last window is cut in two by the shift."""
    return [slice(0, -window), slice(-window, -shift), slice(-shift, None)] if shift else [slice(None)]
