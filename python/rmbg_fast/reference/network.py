"""The network's convolutions and what stands between them (cpp/net), from their definitions in NumPy.

Maps are N x C x H x W, weights K x C x height x width. Convolutions are summed in float64: they say what is right, the
kernels come within a few units of float32's last place. `gate` and `mean` are the kernels' float32 operations in their
order, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]
"""Rows and columns of zeros: top, left, bottom, right."""


def convolution(
    x: Floats,
    weights: Floats,
    bias: Floats | None = None,
    *,
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
) -> Doubles:
    """ONNX Conv of one group."""
    window: Pair = weights.shape[2:]
    height, width = _size(x.shape, window, strides, dilations, pads)
    top, left, bottom, right = pads
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    total = np.zeros((len(x), height, width, len(weights)))
    for tap_y, tap_x in np.ndindex(*window):
        rows = slice(tap_y * dilations[0], tap_y * dilations[0] + (height - 1) * strides[0] + 1, strides[0])
        columns = slice(tap_x * dilations[1], tap_x * dilations[1] + (width - 1) * strides[1] + 1, strides[1])
        seen = np.ascontiguousarray(wide[:, :, rows, columns].transpose(0, 2, 3, 1))
        total += seen @ weights[:, :, tap_y, tap_x].astype(np.float64).T
    return _with_bias(total.transpose(0, 3, 1, 2), bias)


def deformable_convolution(
    x: Floats,
    weights: Floats,
    offsets: Floats,
    bias: Floats | None = None,
    modulators: Floats | None = None,
    *,
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
) -> Doubles:
    """ONNX DeformConv of one group: `offsets` are y and x of each tap, `modulators` one factor of each.

    A tap reads between four pixels; what lies outside of the map is 0, and so is a tap a pixel or more outside. Where
    a tap reads is computed in float32, as the kernels do.
    """
    window: Pair = weights.shape[2:]
    height, width = _size(x.shape, window, strides, dilations, pads)
    total = np.zeros((len(x), height, width, len(weights)))
    for tap, (tap_y, tap_x) in enumerate(np.ndindex(*window)):
        rows = np.arange(height, dtype=np.float32) * strides[0] - pads[0] + tap_y * dilations[0]
        columns = np.arange(width, dtype=np.float32) * strides[1] - pads[1] + tap_x * dilations[1]
        y = rows[:, None] + offsets[:, 2 * tap]
        sampled = _between(x, y, columns + offsets[:, 2 * tap + 1])
        if modulators is not None:
            sampled *= modulators[:, tap, :, :, None]
        total += sampled @ weights[:, :, tap_y, tap_x].astype(np.float64).T
    return _with_bias(total.transpose(0, 3, 1, 2), bias)


def sigmoid(x: Floats, scale: float = 1.0) -> Doubles:
    """`scale` / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        result: Doubles = scale / (1 + np.exp(-x.astype(np.float64)))
    return result


def gate(x: Floats, factors: Floats) -> Floats:
    """Each channel of `x` times the one channel of `factors`."""
    return x * factors


def mean(x: Floats) -> Floats:
    """ONNX GlobalAveragePool: each row is summed from left to right, then the rows from top to bottom."""
    rows = np.add.accumulate(x, axis=3, dtype=np.float32)[..., -1:]
    total = np.add.accumulate(rows, axis=2, dtype=np.float32)[..., -1:, :]
    pixels = np.float32(x.shape[2]) * np.float32(x.shape[3])
    return total * (np.float32(1) / pixels)


def winograd_7x7(x: Floats, weights: Floats, bias: Floats | None = None, *, pads: Pads = (3, 3, 3, 3)) -> Doubles:
    """A 7x7 convolution as four of 4x4, 4 pixels apart (7 = 4 + 3), by F(5 x 5, 4 x 4): the products of tiles are
    summed over the four before they are transformed back."""
    tile, taps = 5, 4
    inputs, transform, outputs = winograd_matrices(tile, taps)
    height, width = _size(x.shape, (7, 7), (1, 1), (1, 1), pads)
    tiles_y, tiles_x = -(-height // tile), -(-width // tile)
    top, left, bottom, right = pads
    more = tile * tiles_y - height + 1, tile * tiles_x - width + 1  # the eighth row and column of 7 = 4 + 3
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom + more[0]), (left, right + more[1])))
    taps_wide = np.pad(weights.astype(np.float64), ((0, 0), (0, 0), (0, 1), (0, 1)))
    products: Any = 0.0
    for part_y, part_x in np.ndindex(2, 2):
        quarter = taps_wide[:, :, part_y * taps : (part_y + 1) * taps, part_x * taps : (part_x + 1) * taps]
        seen = wide[:, :, part_y * taps :, part_x * taps :]
        patches = sliding_window_view(seen, (tile + taps - 1,) * 2, (2, 3))[:, :, ::tile, ::tile]
        moved = inputs @ patches[:, :, :tiles_y, :tiles_x] @ inputs.T
        products = products + np.einsum("ncyxij,kcij->nkyxij", moved, transform @ quarter @ transform.T, optimize=True)
    made = outputs @ products @ outputs.T
    whole = made.transpose(0, 1, 2, 4, 3, 5).reshape(len(x), len(weights), tiles_y * tile, tiles_x * tile)
    return _with_bias(whole[:, :, :height, :width], bias)


def winograd_matrices(outputs: int, taps: int) -> tuple[Doubles, Doubles, Doubles]:
    """B', G and A' of F(outputs, taps): y = A' [(G g) * (B' d)] (Lavin and Gray 2016, arXiv:1509.09308).

    By the points 0, 1, -1, 2, -2, 1/2, -1/2, of which all but one of `outputs + taps - 1` are taken, and infinity.
    """
    points = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)[: outputs + taps - 2]
    sides = len(points) + 1
    inputs = np.zeros((sides, sides))
    weights = np.zeros((sides, taps))
    back = np.zeros((outputs, sides))
    for row, point in enumerate(points):
        others = [other for other in points if other != point]
        inputs[row, :-1] = np.poly(others)[::-1]
        weights[row] = point ** np.arange(taps) / np.prod([point - other for other in others])
        back[:, row] = point ** np.arange(outputs)
    inputs[-1] = np.poly(points)[::-1]
    weights[-1, -1] = back[-1, -1] = 1
    return inputs, weights, back


def _size(shape: tuple[int, ...], window: Pair, strides: Pair, dilations: Pair, pads: Pads) -> Pair:
    room = [size + before + after for size, before, after in zip(shape[2:], pads[:2], pads[2:], strict=True)]
    reach = [dilation * (size - 1) + 1 for size, dilation in zip(window, dilations, strict=True)]
    height, width = ((a - b) // step + 1 for a, b, step in zip(room, reach, strides, strict=True))
    return height, width


def _with_bias(values: Doubles, bias: Floats | None) -> Doubles:
    return values if bias is None else values + bias[:, None, None]


def _between(x: Floats, y_at: Floats, x_at: Floats) -> Doubles:
    """N x H x W x C: what lies at these places of the map."""
    height, width = x.shape[2:]
    near = (y_at > -1) & (y_at < height) & (x_at > -1) & (x_at < width)  # nowhere where a place is no number
    rows, columns = np.where(near, y_at, np.float32(0)), np.where(near, x_at, np.float32(0))
    total: Any = 0.0
    for row, down in _neighbours(rows, height):
        for column, across in _neighbours(columns, width):
            pixels = x[np.arange(len(x))[:, None, None], :, row, column]
            total = total + pixels * (np.where(near, down, 0) * across)[..., None]
    values: Doubles = total
    return values


def _neighbours(places: Floats, size: int) -> Iterator[tuple[NDArray[np.intp], Doubles]]:
    """The pixels before and after, and what each counts; one outside counts nothing, and is any inside."""
    low = np.floor(places)
    after = (places - low).astype(np.float64)
    for pixel, weight in ((low, 1 - after), (low + 1, after)):
        inside = (pixel >= 0) & (pixel < size)
        yield np.clip(pixel, 0, size - 1).astype(np.intp), np.where(inside, weight, 0.0)
