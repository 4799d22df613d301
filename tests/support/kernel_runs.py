"""Pictures and mattes for the kernels, and the comparison with their reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from rmbg_fast import ops, reference

SIZES = [(1, 1), (1, 9), (13, 1), (7, 5), (33, 17), (64, 100)]
TARGETS = [(16, 16), (20, 37), (64, 48), (1, 3)]
PILLOW = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
}
MASK_RESAMPLES = ["bilinear", "bilinear-topleft", "bilinear-corners", "bicubic", "nearest", *PILLOW]


def picture(height: int, width: int, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    top = np.iinfo(dtype).max
    values = np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)
    values[::3] = np.where(values[::3] > top // 2, top, 0)  # the extremes, fully transparent pixels among them
    return values


def matte(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 0.6, (height, width)).astype(np.float32)


def same(name: str, *args: Any, **options: Any) -> None:
    """The same bits from the kernels, with one thread and with two, as from the reference."""
    expected = getattr(reference, name)(*args, **options)
    for threads in (1, 2):
        result = getattr(ops, name)(*args, threads=threads, **options)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected, strict=True)
