"""How Swin's windows lie on a map of tokens: which tokens one holds, and which of them see each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .matching import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """A map of tokens, the side of its windows, and how far right and down they are shifted."""

    height: int
    width: int
    side: int
    shift: int

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width in whole windows."""
        return -(-self.height // self.side) * self.side, -(-self.width // self.side) * self.side

    def _cut(self, padded: Ints) -> Ints:
        """(height, width) in whole windows -> (windows, side * side)."""
        rows, columns = (size // self.side for size in padded.shape)
        cut = padded.reshape(rows, self.side, columns, self.side).swapaxes(1, 2)
        return cut.reshape(rows * columns, self.side * self.side)

    def tokens(self) -> Ints:
        """(windows, side * side): the number of each token, row by row of the map; -1: padding."""
        height, width = self.padded
        numbers = np.full((height, width), -1)
        numbers[: self.height, : self.width] = np.arange(self.height * self.width).reshape(self.height, self.width)
        return self._cut(np.roll(numbers, (-self.shift, -self.shift), (0, 1)))

    def parted(self) -> NDArray[np.bool_]:
        """(windows, side * side, side * side): is it the shift alone that brings these two together?"""
        height, width = self.padded
        rows, columns = ((np.arange(size) >= size - self.shift).astype(np.int64) for size in (height, width))
        regions = self._cut(2 * rows[:, None] + columns)
        return np.asarray(regions[:, :, None] != regions[:, None, :])


def windows_of(tokens: Ints, count: int) -> Windows:
    """Those that `tokens` (windows, side * side) of a map of `count` tokens lie in; -1: padding. Raises Mismatch."""
    side = round(float(np.sqrt(tokens.shape[1])))
    need(side * side == tokens.shape[1] and side > 1)
    first = int(tokens[0, 0])
    width = int(tokens[0, side]) - first
    need(first >= 0 and width > 0 and count % width == 0)
    found = Windows(count // width, width, side, first % width)
    need(found.shift < side)
    expected = found.tokens()
    need(expected.shape == tokens.shape and bool((expected == tokens).all()))
    return found
