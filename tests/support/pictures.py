"""Small pictures of random samples, and files of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (6, 9, 4), dtype=np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def load(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def pixel(mode: str, value: Any, **info: Any) -> Image.Image:
    image = Image.new(mode, (1, 1), value)
    image.info.update(info)
    return image


PNG = encoded(Image.fromarray(RGB), "PNG")
