"""What `rmbg_fast.reference` checks before it computes: the errors that the kernels' border gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import array_of, whole_of
from .errors import ImageError, ImageTooLargeError, OptionError
from .ops import Image

_MAX_SIDE = 1 << 20


def check_threads(threads: int) -> None:
    """Raises OptionError."""
    if whole_of(threads, "threads") < 1:
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


def check_image(image: Image) -> None:
    """Raises ImageError or ImageTooLargeError."""
    array_of(image, "an image")
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not shaped or image.dtype not in (np.uint8, np.uint16):
        raise ImageError("an image must be uint8 or uint16 of shape (H, W), (H, W, 3) or (H, W, 4)")
    check_size(image.shape[0], image.shape[1])


def check_alpha(alpha: Image, image: Image) -> None:
    """Raises ImageError."""
    array_of(alpha, "alpha")
    if alpha.dtype != image.dtype or alpha.shape != image.shape[:2]:
        raise ImageError("alpha must have the image's height, width and dtype")


def check_mask(mask: NDArray[np.float32]) -> None:
    """Raises ImageError or ImageTooLargeError."""
    array_of(mask, "a mask")
    if mask.ndim != 2 or mask.dtype != np.float32:
        raise ImageError("a mask must be float32 of shape (H, W)")
    check_size(mask.shape[0], mask.shape[1])


def check_blend(mode: str, background: Sequence[int] | None, threshold: int | None) -> None:
    """Raises OptionError."""
    check_choice("alpha", mode, ("straight", "premultiplied"))
    if threshold is not None and not 1 <= whole_of(threshold, "threshold") <= 255:
        raise OptionError(f"threshold must be from 1 to 255, not {threshold}")
    if background is None:
        return
    if mode == "premultiplied":
        raise OptionError("premultiplied alpha and a background exclude each other: the result has no alpha")
    if not all(0 <= value <= 255 for value in background):
        raise OptionError(f"background must be three values from 0 to 255, not {background}")


def _rows_packed(array: NDArray[Any]) -> bool:
    wanted = array.itemsize
    for side, stride in zip(array.shape[:0:-1], array.strides[:0:-1], strict=True):
        if side != 1 and stride != wanted:
            return False
        wanted *= side
    return True


def deliver(
    result: NDArray[Any], out: NDArray[Any] | None, *inputs: NDArray[Any], contiguous: bool = False
) -> NDArray[Any]:
    """`result`, or `out` with it. Raises OptionError for an `out` that cannot take it."""
    if out is None:
        return result
    alike = isinstance(out, np.ndarray) and out.dtype == result.dtype and out.shape == result.shape
    usable = alike and out.flags.writeable and out.flags.aligned and _rows_packed(out)
    if not usable or (contiguous and not out.flags.c_contiguous):
        raise OptionError(f"`out` must be a writable {result.dtype} array of shape {result.shape} with packed pixels")
    if any(np.may_share_memory(out, array) for array in inputs):
        raise OptionError("`out` overlaps the input in memory")
    out[...] = result
    return out
