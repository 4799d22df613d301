"""TIFF layouts that Pillow takes for others: their pixels, by the TIFF 6.0 specification, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _COUNTS = 258, 259, 262, 266, 273, 279
_PLANAR, _TILES, _EXTRA, _FORMAT = 284, 322, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _UNASSOCIATED = 1, 2
_UNSIGNED = 1


def decode(image: Image.Image) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """The pixels of a TIFF that lies plane by plane where Pillow misreads it, not yet upright, of shape (H, W), (H, W,
    3) or (H, W, 4); None where Pillow is right. Raises ValueError for layouts that neither reads."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tuple(tags.get(_BITS, (1,)))
    if image.format != "TIFF" or tags.get(_PLANAR, 1) != 2 or len(bits) == 1:
        return None
    kind, plain = tags.get(_PHOTOMETRIC), tags.get(_COMPRESSION, 1) == 1
    whole = set(tags.get(_FORMAT, (_UNSIGNED,))) == {_UNSIGNED} and tags.get(_FILL_ORDER, 1) == 1
    known = (kind, len(bits)) in ((_BLACK_IS_ZERO, 2), (_RGB, 3), (_RGB, 4)) and set(bits) in ({8}, {16})
    if known and plain and whole and _TILES not in tags and getattr(image, "fp", None) is not None:
        return _straight(_planes(image, tags, bits), tags.get(_EXTRA, (0,))[0])
    if kind == _RGB and known and not (plain and bits[0] == 16):
        return None
    raise ValueError(
        f"TIFF of {len(bits)} planes (planar configuration 2) with {bits[0]} bits is not supported in this layout: "
        "save it with interleaved channels"
    )


def white_is_zero(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF, which Pillow heeds up to 8 bits only."""
    tags: Any = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _planes(image: Any, tags: Any, bits: tuple[int, ...]) -> NDArray[Any]:
    dtype = np.dtype(np.uint8 if bits[0] == 8 else "<u2" if tags.prefix == b"II" else ">u2")
    shape = (len(bits), image.height, image.width)
    left = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    strips = []
    for offset, count in zip(tags[_OFFSETS], tags[_COUNTS], strict=True):  # all of the first plane, and so on
        image.fp.seek(offset)
        strips.append(image.fp.read(min(count, left)))
        left -= len(strips[-1])
    if left:
        raise ValueError("the image data ends early")
    planes = np.frombuffer(b"".join(strips), dtype).reshape(shape)
    return np.moveaxis(planes, 0, -1).astype(dtype.newbyteorder("="), order="C")


def _straight(pixels: NDArray[Any], extra: int) -> NDArray[Any]:
    """The last channel is straight alpha, alpha that is multiplied in, or something else."""
    colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    if colours == pixels.shape[2]:
        return pixels
    if extra not in (_ASSOCIATED, _UNASSOCIATED):
        return pixels[..., 0].copy() if colours == 1 else pixels[..., :3].copy()
    rgba = pixels[..., [0, 0, 0, 1] if colours == 1 else [0, 1, 2, 3]]
    if extra == _ASSOCIATED:
        top = np.uint64(np.iinfo(pixels.dtype).max)
        alpha = np.maximum(rgba[..., 3:], 1).astype(np.uint64)
        rgba[..., :3] = np.minimum((rgba[..., :3] * top + alpha // 2) // alpha, top)
    return rgba
