"""What `rmbg_fast.reference` checks before it computes: the errors that the kernels' border gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import background_of, whole_of
from .._buffers import Buffer, array_of, given, out_of
from ..errors import ImageError, ImageTooLargeError, OptionError
from ..ops import Background, Image

_MAX_SIDE = 1 << 20


def check_threads(threads: int | None) -> None:
    """Raises OptionError."""
    if threads is not None and whole_of(threads, "threads") < 1:
        raise OptionError(f"threads must be 1 or more, not {threads}")


def check_choice(option: str, word: str, choices: tuple[str, ...]) -> None:
    """Raises OptionError that names the words that are allowed."""
    if word not in choices:
        raise OptionError(f"{option} must be one of {', '.join(map(repr, choices))}, not {word!r}")


def check_size(height: int, width: int) -> None:
    """Raises ImageError or ImageTooLargeError."""
    if height < 1 or width < 1:
        raise ImageError(f"the image is empty ({width} x {height} pixels)")
    if height > _MAX_SIDE or width > _MAX_SIDE:
        raise ImageTooLargeError(f"the image has {width} x {height} pixels; no side may be longer than {_MAX_SIDE}")


def check_image(value: Image | Buffer) -> Image:
    """Raises ImageError or ImageTooLargeError."""
    image: Image = array_of(value, "an image")
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not shaped or image.dtype not in (np.uint8, np.uint16):
        raise ImageError("an image must be uint8 or uint16 of shape (H, W), (H, W, 3) or (H, W, 4)")
    check_size(image.shape[0], image.shape[1])
    return image


def check_alpha(value: Image | Buffer, image: Image) -> Image:
    """Raises ImageError."""
    alpha: Image = array_of(value, "alpha")
    if alpha.dtype != image.dtype or alpha.shape != image.shape[:2]:
        raise ImageError("alpha must have the image's height, width and dtype")
    return alpha


def check_mask(value: NDArray[np.float32] | Buffer) -> NDArray[np.float32]:
    """Raises ImageError or ImageTooLargeError."""
    mask: NDArray[np.float32] = array_of(value, "a mask")
    if mask.ndim != 2 or mask.dtype != np.float32:
        raise ImageError("a mask must be float32 of shape (H, W)")
    check_size(mask.shape[0], mask.shape[1])
    return mask


def check_plane(value: NDArray[Any] | Buffer) -> NDArray[Any]:
    """An alpha of any dtype. Raises ImageError or ImageTooLargeError."""
    plane: NDArray[Any] = array_of(value, "alpha")
    if plane.ndim != 2 or plane.dtype not in (np.uint8, np.uint16, np.float32):
        raise ImageError("alpha must be uint8, uint16 or float32 of shape (H, W)")
    check_size(plane.shape[0], plane.shape[1])
    return plane


def check_background(value: Background, image: Image) -> Image | None:
    """A colour or picture as a picture of the image's size and dtype. Raises OptionError."""
    colour, picture = background_of(value)
    shape = (*image.shape[:2], 3)
    if colour is not None:
        if not all(0 <= level <= 255 for level in colour):
            raise OptionError(f"background must be three values from 0 to 255, not {colour}")
        unit = int(np.iinfo(image.dtype).max) // 255
        return np.broadcast_to((np.array(colour) * unit).astype(image.dtype), shape)
    if picture is not None and (picture.shape != shape or picture.dtype != image.dtype):
        raise OptionError("a background picture must be packed RGB of the image's height, width and dtype")
    return picture


def check_blend(mode: str, over: bool, threshold: int | None) -> None:
    """Raises OptionError."""
    check_choice("mode", mode, ("straight", "premultiplied"))
    if threshold is not None and not 1 <= whole_of(threshold, "threshold") <= 255:
        raise OptionError(f"threshold must be from 1 to 255, not {threshold}")
    if over and mode == "premultiplied":
        raise OptionError("premultiplied alpha and a background exclude each other: the result has no alpha")


def _rows_packed(array: NDArray[Any]) -> bool:
    """Samples of a row lie one behind the other, and no two rows in the same place."""
    wanted = array.itemsize
    for side, stride in zip(array.shape[:0:-1], array.strides[:0:-1], strict=True):
        if side != 1 and stride != wanted:
            return False
        wanted *= side
    return len(array) == 1 or abs(array.strides[0]) >= wanted


def deliver(
    result: NDArray[Any], out: NDArray[Any] | Buffer | None, *inputs: NDArray[Any], contiguous: bool = False
) -> NDArray[Any]:
    """`result`, or `out` with it. Raises OptionError for an `out` that cannot take it."""
    target = out_of(out)
    if target is None:
        return result
    alike = target.dtype == result.dtype and target.shape == result.shape
    usable = alike and target.flags.writeable and target.flags.aligned and _rows_packed(target)
    if not usable or (contiguous and not target.flags.c_contiguous):
        raise OptionError(f"`out` must be a writable {result.dtype} array of shape {result.shape} with packed pixels")
    if any(np.may_share_memory(target, array) for array in inputs):
        raise OptionError("`out` overlaps the input in memory")
    target[...] = result
    return given(target, out)
