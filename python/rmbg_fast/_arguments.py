"""What the kernels are called with, brought to plain numbers: the same errors from `ops` and from `reference`.

Each function raises OptionError.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._buffers import array_of
from .errors import OptionError


def size_of(size: Any) -> tuple[int, int]:
    """Height and width."""
    try:
        height, width = (whole_of(side, "a side of size") for side in size)
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
        red, green, blue = (whole_of(level, "background") for level in colour)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"background must be three whole numbers from 0 to 255, not {colour!r}") from exc
    return red, green, blue


def background_of(value: Any) -> tuple[tuple[int, int, int] | None, NDArray[Any] | None]:
    """A colour, or a picture of the image's size with its samples packed; what else it must be is checked by who takes
    it."""
    if getattr(value, "ndim", 1) < 2:
        return colour_of(value), None
    picture = array_of(value, "a background")
    packed = picture.ndim == 3 and picture[:1].flags.c_contiguous and picture.strides[0] > 0
    return None, picture if packed else np.ascontiguousarray(picture)


def pair_of(values: Any) -> tuple[float, float]:
    """Two numbers, the smallest and the largest; (inf, -inf), which `minmax` gives of a mask that has none, too."""
    try:
        least, largest = map(float, values)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"range must be two numbers, the smallest and the largest, not {values!r}") from exc
    if not least <= largest and (least, largest) != (math.inf, -math.inf):
        raise OptionError(f"range must be the smallest value and then the largest, not {values!r}")
    return least, largest


def radii_of(values: Any) -> tuple[int, int, int]:
    """Three whole numbers, whose range is checked by who takes them."""
    try:
        coarse, middle, fine = (whole_of(radius, "radii") for radius in values)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"radii must be three whole numbers from 0 to 90, not {values!r}") from exc
    return coarse, middle, fine


def word_of(value: Any, name: str) -> str:
    """A word, which is checked by who takes it."""
    if not isinstance(value, str):
        raise OptionError(f"{name} must be a word, not {value!r}")
    return value


def whole_of(value: Any, name: str) -> int:
    """A whole number of 32 bits, whose range is checked by who takes it."""
    try:
        number = operator.index(value)
    except TypeError as exc:
        raise OptionError(f"{name} must be a whole number, not {value!r}") from exc
    if not -(2**31) <= number < 2**31:
        raise OptionError(f"{name} must be a whole number, and not as large as {number}")
    return number


def side_of(value: Any) -> int:
    """The longest side that a picture may have."""
    side = whole_of(value, "max_side")
    if side < 1 or isinstance(value, bool):
        raise OptionError(f"max_side must be a number of pixels, 1 or more, not {value!r}")
    return side


def dtype_name(value: Any) -> str:
    """The name of a dtype: "uint8", numpy.uint8 and numpy.dtype("uint8") are the same."""
    try:
        if value is None:
            raise TypeError
        return str(np.dtype(value).name)
    except TypeError as exc:
        raise OptionError(f"dtype must be the name of one, such as 'uint8', not {value!r}") from exc
