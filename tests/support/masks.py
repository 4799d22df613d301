"""What a session makes of the network's output, by the public functions: the other half of `calibration.feed`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmbg_fast import ModelSpec, ops


def mask_of(plane: NDArray[Any], spec: ModelSpec, size: tuple[int, int], dtype: Any = "uint8") -> NDArray[Any]:
    """The mask of `size` (height, width) of the output `plane`, float32 (h, w), as the recipe of `spec` says."""
    if spec.activation == "sigmoid":
        plane = (1 / (1 + np.exp(-plane))).astype(np.float32)
    after = size if spec.minmax == "after" else None
    span = None if spec.minmax == "none" else ops.minmax(plane, size=after, resample=spec.mask_resample)
    return ops.resize_mask(
        plane, size, range=span, resample=spec.mask_resample, rounding=spec.mask_rounding, dtype=dtype
    )
