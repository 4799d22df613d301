"""The pixels of Pillow's images, without the copy through bytes that numpy.asarray makes of them.

Pillow keeps a pixel of RGB in four bytes, of which the last says nothing, and a large image in several blocks.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL import __version__ as version

from .. import _core

Bytes = NDArray[np.uint8]

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_STRIP_BYTES = 1 << 20  # stays in the second-level cache
_READ_BYTES = 1 << 24
# Before 13, Pillow follows a null pointer where it exports an image on others' memory (Image.fromarray, mapped files).
_CRASHES = int(version.split(".")[0]) < 13


def pixels_of(image: Image.Image, threads: int = 1) -> Bytes:
    """An image's pixels as numpy.asarray gives them, (H, W) or (H, W, channels), perhaps at other strides: those of L,
    RGB and RGBA through the Arrow interface of Pillow 11.3 and later, as a read-only view where they lie in one block,
    else strip by strip. Of another mode, or by an older Pillow, a copy."""
    if image.mode not in _CHANNELS or not hasattr(image, "__arrow_c_array__"):
        return np.asarray(image)
    if image.readonly and _CRASHES:
        return np.asarray(image)
    pixels = _view(image)
    return _by_strips(image, threads) if pixels is None else pixels


def _view(image: Image.Image) -> Bytes | None:
    """None where it lies in several blocks."""
    try:
        schema, array = image.__arrow_c_array__()
    except ValueError:
        return None
    pixels = _core.from_arrow(schema, array, *image.size)
    return pixels if pixels.ndim == 2 else pixels[..., : _CHANNELS[image.mode]]


def _by_strips(image: Image.Image, threads: int) -> Bytes:
    width, height = image.size
    channels = _CHANNELS[image.mode]
    pixels = _core.new_array("uint8", (height, width) if channels == 1 else (height, width, channels))
    rows = max(1, _STRIP_BYTES // (4 * width))
    for top in range(0, height, rows):
        end = min(height, top + rows)
        strip = _view(image.crop((0, top, width, end)))
        if strip is None:  # the caller has asked Pillow for small blocks
            return np.asarray(image)
        _core.copy_pixels(strip, pixels[top:end], threads)
    return pixels


def decoded(image: Image.Image) -> Bytes | None:
    """The pixels of a JPEG file that was opened by Pillow and not loaded yet, of which nobody else knows: (H, W), or
    (H, W, 4) with alpha 255. It is decoded into memory of ours, which Pillow takes for its own from then on. None
    where that cannot be: nothing has happened then. Raises what `image.load` raises.

    Pillow decodes into blocks that the system clears page by page and that have to be put together: into one array in
    large pages it takes half of the time.
    """
    fresh = image.format in ("JPEG", "MPO") and len(getattr(image, "tile", ())) == 1
    # With that switch of Pillow's a damaged file may leave some memory as it was.
    if not fresh or image.mode not in ("L", "RGB") or ImageFile.LOAD_TRUNCATED_IMAGES:
        return None
    width, height = image.size
    channels = 1 if image.mode == "L" else 4
    memory = _core.new_array("uint8", (height, width) if channels == 1 else (height, width, 4))
    own = cast(Any, image)
    try:
        # Pillow's own way to use a file's memory as an image's.
        own.im = mapped = cast(Any, Image).core.map_buffer(
            memory, image.size, "raw", 0, (image.mode, channels * width, 1)
        )
        own.decodermaxblock = _READ_BYTES  # all at once: it asks for the GIL for every block
    except (AttributeError, TypeError, ValueError, OSError):
        return None
    image.load()
    if own.im is not mapped:
        return None
    if channels == 1:
        return memory
    # Decoders fill the fourth byte with 255, in each row alike; were it not so, it would be no alpha.
    opaque = bool((memory[0, :, 3] == 255).all() and (memory[-1, :, 3] == 255).all())
    return memory if opaque else memory[..., :3]
