"""A row for a model of one's own."""

from __future__ import annotations

from typing import Any

RECIPE: dict[str, Any] = {
    "size": [8, 16],
    "resample": "triangle",
    "rounding": "none",
    "mean": [0.1, 0.2, 0.3],
    "std": [1, 1, 1],
    "activation": "sigmoid",
    "minmax": "none",
    "mask_resample": "nearest",
    "mask_rounding": "nearest",
}
