"""Weights, as the kernels read them (cpp/net/kernels.hpp)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
else:
    Array = Any

BLOCK = 16
"""Channels of a block."""
PLANAR, BLOCKED = 0, 1
"""The layouts of a value: planes, or blocks of channels."""
FEW = 4
"""Channels that stay planes, at most."""


@dataclass(frozen=True)
class Packed:
    """Weights that are packed when they are written: `size` floats, which `values` makes."""

    size: int
    values: Callable[[], Array]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.values()


def up(count: int) -> int:
    """`count` channels as whole blocks."""
    return -(-count // BLOCK) * BLOCK


def filled(array: Array, axis: int = 0) -> Array:
    """`array` with zeros behind, up to whole blocks along `axis`."""
    import numpy as np

    pads = [(0, 0)] * array.ndim
    pads[axis] = (0, -array.shape[axis] % BLOCK)
    return np.pad(array, pads)


def _with_filled_inputs(weights: Array, sources: list[tuple[int, int]]) -> Array:
    import numpy as np

    parts, begin = [], 0
    for layout, channels in sources:
        part = weights[:, begin : begin + channels]
        parts.append(filled(part, axis=1) if layout == BLOCKED else part)
        begin += channels
    return np.concatenate(parts, axis=1)


def pack_to_blocks(weights: Array, sources: list[tuple[int, int]]) -> Array:
    """(K, C, h, w) -> (K/16, C', h * w, 16) for inputs of these layouts and channels."""
    wide = filled(_with_filled_inputs(weights, sources))
    outputs, inputs = wide.shape[:2]
    return wide.reshape(outputs // BLOCK, BLOCK, inputs, -1).transpose(0, 2, 3, 1)


def pack_taps(weights: Array, sources: list[tuple[int, int]]) -> Array:
    """(K, C, h, w) -> (K/16, h * w, C', 16): those of a deformable convolution."""
    return pack_to_blocks(weights, sources).transpose(0, 2, 1, 3)


def pack_to_planes(weights: Array, sources: list[tuple[int, int]]) -> Array:
    """(K, C, h, w) -> (K, h * w, C') for inputs of these layouts and channels."""
    wide = _with_filled_inputs(weights, sources)
    return wide.reshape(*wide.shape[:2], -1).transpose(0, 2, 1)
