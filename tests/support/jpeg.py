"""JPEG files, whole and damaged, and what Pillow makes of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rmbg_fast._images import reading
from rmbg_fast.errors import ImageError
from support.pictures import encoded


def jpeg(image: Image.Image, **options: Any) -> bytes:
    return encoded(image, "JPEG", **options)


def by_pillow(data: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def check_damaged(data: bytes, random: np.random.Generator, *, files: int, changes: int) -> int:
    """Files with some bytes changed are refused where Pillow refuses them, and have its pixels otherwise; returns how
    many of them were compared in colour."""
    in_colour = 0
    for _ in range(files):
        damaged = bytearray(data)
        for at in random.integers(2, len(data), changes):
            damaged[at] = random.integers(0, 256)
        try:
            wanted = by_pillow(bytes(damaged))
        except Exception:
            with pytest.raises(ImageError):
                reading.read(damaged)
            continue
        pixels = reading.read(damaged).pixels
        colour = wanted.ndim == 3 and wanted.shape[2] == 3
        np.testing.assert_array_equal(pixels[..., :3] if colour else pixels, wanted)
        in_colour += colour
    return in_colour
