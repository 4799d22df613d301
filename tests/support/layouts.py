"""Ways for an array to lie in memory: each takes a packed array and gives an equal one that lies otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "packed": lambda a: a,
    "upside down": lambda a: a[::-1],
    "mirrored": lambda a: a[:, ::-1],
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "crop": lambda a: np.pad(a, [(1, 2), (3, 1)] + [(0, 0)] * (a.ndim - 2))[1:-2, 3:-1],
    "fortran": np.asfortranarray,
    "channels in reverse": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim == 3 else a,
    "planes": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1) if a.ndim == 3 else a,
}
