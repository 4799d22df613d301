"""rembg's post_process_mask: opened by a cross of five pixels, blurred by a Gaussian of sigma 2, made binary at 127."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_SIGMA = 2.0
_REACH = 8  # four sigma
_LIMIT = 127
_TILE = 64
_TILES_AT_ONCE = 256  # 13 MB of float64


def post_process(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0 or 255, shape (H, W). Beyond its edge the mask is its own mirror image."""
    height, width = mask.shape
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    beyond = ((_REACH, _REACH + rows * _TILE - height), (_REACH, _REACH + columns * _TILE - width))
    padded = np.pad(_opened(mask), beyond, "symmetric")
    around: NDArray[Any] = sliding_window_view(padded, (_TILE + 2 * _REACH,) * 2)[::_TILE, ::_TILE]
    lowest, highest = around.min((2, 3)), around.max((2, 3))
    tiles = np.zeros((rows, columns, _TILE, _TILE), np.uint8)
    tiles[lowest >= _LIMIT] = 255
    # A blurred value lies between those around it: only tiles that have both kinds are blurred.
    mixed = np.argwhere((lowest < _LIMIT) & (highest >= _LIMIT))
    blur = _matrix()
    for start in range(0, len(mixed), _TILES_AT_ONCE):
        row, column = mixed[start : start + _TILES_AT_ONCE].T
        blurred = blur @ around[row, column].astype(np.float64) @ blur.T
        tiles[row, column] = np.where(blurred < _LIMIT, 0, 255)
    return np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(rows * _TILE, columns * _TILE)[:height, :width])


def _opened(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _over_cross(np.maximum, _over_cross(np.minimum, mask))


def _over_cross(choose: np.ufunc, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each pixel and its four neighbours, those that there are."""
    chosen = values.copy()
    choose(chosen[1:], values[:-1], out=chosen[1:])
    choose(chosen[:-1], values[1:], out=chosen[:-1])
    choose(chosen[:, 1:], values[:, :-1], out=chosen[:, 1:])
    choose(chosen[:, :-1], values[:, 1:], out=chosen[:, :-1])
    return chosen


def _matrix() -> NDArray[np.float64]:
    """The blur along one side of a tile, as a matrix of shape (tile, tile and what lies around it)."""
    weights = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SIGMA) ** 2)
    matrix = np.zeros((_TILE, _TILE + 2 * _REACH))
    for row in range(_TILE):
        matrix[row, row : row + weights.size] = weights / weights.sum()
    return matrix
