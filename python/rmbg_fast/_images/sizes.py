"""How large a picture is, before it is decoded."""

from __future__ import annotations

import io
import os
from typing import Any

from PIL import Image


def pixels_of(image: Any) -> int | None:
    """How many pixels it has, by its header or shape. None: nothing tells without reading all of it, or it is no image;
    what is wrong with it will be said when it is decoded."""
    if isinstance(image, Image.Image):
        return image.width * image.height
    shape = getattr(image, "shape", None)
    if shape and len(shape) in (2, 3):
        return int(shape[0]) * int(shape[1])
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _of_file(io.BytesIO(image))
    if isinstance(image, (str, os.PathLike)):
        try:
            with open(image, "rb") as file:
                return _of_file(file)
        except (OSError, ValueError):
            return None
    return None


def _of_file(file: Any) -> int | None:
    try:
        # Not under catch_warnings(), which changes the filters of all threads, for good where two of them meet.
        with Image.open(file) as image:
            return image.width * image.height
    except Exception:
        return None
