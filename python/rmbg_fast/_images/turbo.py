"""JPEG files decoded by simplejpeg (the extra `turbo`): libjpeg-turbo without Pillow's detours, to the same pixels."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from .. import _core


@cache
def _library() -> Any:
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def decoded(image: Image.Image) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG file that was opened by Pillow and not loaded yet, (H, W), or (H, W, 4) with alpha 255, not
    yet upright. `image` stays as it is. None where simplejpeg is not installed, or may differ from Pillow: CMYK, draft
    sizes, and whatever libjpeg has to say about the data, be it a warning.
    """
    library = _library()
    opened: Any = image
    fresh = library is not None and image.format in ("JPEG", "MPO") and len(getattr(opened, "tile", ())) == 1
    if not fresh or opened.decoderconfig or image.mode not in ("L", "RGB") or ImageFile.LOAD_TRUNCATED_IMAGES:
        return None
    place = opened.fp.tell()
    try:
        opened.fp.seek(0)
        data = opened.fp.read()
        width, height = image.size
        pixels = _core.new_array("uint8", (height, width) if image.mode == "L" else (height, width, 4))
        # By default it takes fast ways that are up to 25 levels off.
        colours = "GRAY" if image.mode == "L" else "RGBA"
        found = library.decode_jpeg(data, colours, fastdct=False, fastupsample=False, buffer=pixels, strict=True)
    except (ValueError, RuntimeError, OSError):
        return None
    finally:
        opened.fp.seek(place)
    return pixels if found.shape[:2] == pixels.shape[:2] else None
