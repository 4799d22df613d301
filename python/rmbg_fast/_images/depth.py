"""8 and 16 bits a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def binary(mask: NDArray[Any], threshold: int) -> NDArray[Any]:
    """Its largest value from `threshold`, 1..255, on, and 0 below; of 16 bits as well as of 8."""
    level = 257 if mask.dtype == np.uint16 else 1
    hard: NDArray[Any] = (mask >= threshold * level) * mask.dtype.type(255 * level)
    return hard
