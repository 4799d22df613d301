"""Arrays that are images."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..errors import ImageError

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


def check(array: NDArray[Any]) -> Pixels:
    """The array as (H, W), (H, W, 3) or (H, W, 4) in the machine's byte order. Raises ImageError."""
    shape, dtype = array.shape, array.dtype
    if dtype == np.bool_:
        raise ImageError("the array is bool: convert it with array.astype(numpy.uint8) * 255")
    if dtype.kind == "f":
        raise ImageError(
            f"the array is {dtype}: convert it to uint8, values of 0..1 with (array * 255).round().astype(numpy.uint8) "
            "or (tensor * 255).round().to(torch.uint8)"
        )
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise ImageError(f"the array is {dtype}: convert it to uint8 or uint16")
    if 0 in shape:
        raise ImageError(f"the array is empty: its shape is {shape}")
    if len(shape) == 3 and shape[2] == 1:
        array = array[:, :, 0]
    elif len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (3, 4):
        raise ImageError(
            f"the array has shape {shape}, channels first: use array.transpose(1, 2, 0) or tensor.permute(1, 2, 0)"
        )
    elif len(shape) == 4:
        raise ImageError(f"the array has shape {shape}: give one image at a time, of shape (H, W, 3)")
    elif len(shape) != 2 and not (len(shape) == 3 and shape[2] in (3, 4)):
        raise ImageError(f"the array has shape {shape}: give (H, W), (H, W, 3) or (H, W, 4)")
    native = np.asarray(array).astype(dtype.newbyteorder("="), copy=False)
    return cast(Pixels, native)


def cropped(pixels: Any, box: tuple[int, int, int, int], margin: int) -> Any:
    """A copy of what is in the box (left, top, right, bottom) and at most `margin` pixels from it; on a GPU no copy."""
    height, width = pixels.shape[:2]
    left, top = max(box[0] - margin, 0), max(box[1] - margin, 0)
    right, bottom = min(box[2] + margin, width), min(box[3] + margin, height)
    if isinstance(pixels, _core.DeviceArray):
        return pixels.part(left, top, right, bottom)
    return pixels[top:bottom, left:right].copy()
