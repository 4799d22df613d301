"""What the kernels are called with, brought to plain numbers: the same errors from `ops` and from `reference`.

Each function raises ImageError or OptionError.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError, OptionError


def array_of(value: Any, what: str) -> NDArray[Any]:
    """An array, whose shape and dtype are checked by who takes it."""
    if not isinstance(value, np.ndarray):
        raise ImageError(f"{what} must be a numpy array, not {type(value).__name__}")
    return value


def size_of(size: Any) -> tuple[int, int]:
    """Height and width."""
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"size must be (height, width), two whole numbers, not {size!r}") from exc
    return height, width


def three_of(values: Any, name: str) -> tuple[float, float, float]:
    """One number a channel."""
    try:
        first, second, third = map(float, values)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"{name} must be three numbers, not {values!r}") from exc
    if not all(map(math.isfinite, (first, second, third))):
        raise OptionError(f"{name} must be three finite numbers, not {values!r}")
    return first, second, third


def colour_of(colour: Any) -> tuple[int, int, int] | None:
    """Three levels, whose range is checked by who takes them."""
    if colour is None:
        return None
    try:
        red, green, blue = map(operator.index, colour)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"background must be three whole numbers from 0 to 255, not {colour!r}") from exc
    return red, green, blue


def pair_of(values: Any) -> tuple[float, float]:
    """Two numbers, the smallest and the largest."""
    try:
        least, largest = map(float, values)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"range must be two numbers, the smallest and the largest, not {values!r}") from exc
    return least, largest


def radii_of(values: Any) -> tuple[int, int, int]:
    """Three whole numbers, whose range is checked by who takes them."""
    try:
        coarse, middle, fine = map(operator.index, values)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"radii must be three whole numbers from 0 to 90, not {values!r}") from exc
    return coarse, middle, fine
