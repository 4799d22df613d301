"""A photo to try a model on: one that scikit-image ships."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..errors import RmbgError
from . import reading
from .arrays import Pixels


def photo() -> Image.Image:
    """Chelsea the cat (CC0), a file of scikit-image's wheel. Raises RmbgError where scikit-image is missing."""
    try:
        import skimage.data
    except ImportError as exc:
        raise RmbgError("the demo needs scikit-image for its photo: pip install 'rmbg-fast[demo]'") from exc
    cat: Any = skimage.data.chelsea()  # type: ignore[no-untyped-call]
    return Image.fromarray(cat)


def picture() -> tuple[Pixels, bool]:
    """Something to try a model on, (H, W, 3), and whether it is the cat; without scikit-image it is a disc."""
    try:
        return reading.read(photo()).pixels, True
    except RmbgError:
        y, x = np.mgrid[-1:1:480j, -1:1:640j]
        subject = 255 / (1 + np.exp(40 * (np.hypot(x, y) - 0.5)))
        return np.stack((subject, 255 * (x + 1) / 2, 255 * (y + 1) / 2), -1).astype(np.uint8), False
