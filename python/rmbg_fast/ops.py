"""The kernels on NumPy arrays. `rmbg_fast.reference` has the same functions in pure NumPy.

Sizes are (height, width). Images are uint8 or uint16, shape (H, W), (H, W, 3) RGB or (H, W, 4) RGBA with straight
alpha, at any strides. `out` takes the result where it is given: writable memory of exactly the result's shape and
dtype, with packed pixels, that does not overlap the input; it is also what is returned, as the object that it is.

Inputs and `out` are NumPy arrays (`numpy.memmap` among them) or other arrays in the CPU's memory, pinned memory too,
that are used where they lie: objects with `__dlpack__`, such as torch tensors, and with the buffer protocol, such as a
`memoryview` with a shape. A tensor that requires grad is to be detached first. Results are NumPy arrays, whose memory
`torch.from_dlpack(result)` shares.

`threads` is how many threads share the rows; None: as many as a session takes by itself. Every function releases the
GIL while it works. Errors: `ImageError` for an array that is no image, mask or alpha, `OptionError` for any other
value, `ModelOutputError` for a mask that cannot be stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import (
    background_of,
    dtype_name,
    pair_of,
    radii_of,
    size_of,
    three_of,
    whole_of,
    word_of,
)
from ._buffers import Buffer, array_of, given, out_of
from ._choices import Alpha, MaskResample, MaskRounding, MinMaxOrder, Resample, Rounding
from ._runtime import threads as thread_count

Image = NDArray[np.uint8] | NDArray[np.uint16]
Background = tuple[int, int, int] | Image | Buffer | None


class MinMax(NamedTuple):
    """Smallest and largest finite value of a mask; (inf, -inf) where it has none."""

    lo: float
    hi: float

    @property
    def finite(self) -> bool:
        """Whether the mask has any finite value."""
        return self.lo <= self.hi

    @property
    def constant(self) -> bool:
        """Whether all finite values are the same, so that min-max would divide by zero."""
        return self.lo == self.hi


def _threads(count: int | None) -> int:
    return thread_count.chosen(None if count is None else whole_of(count, "threads"))


def preprocess(
    image: Image | Buffer,
    *,
    size: tuple[int, int],
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    resample: Resample = "bilinear",
    rounding: Rounding = "none",
    divide_by_max: bool = False,
    bgr: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Resize and normalise an image to the tensor that a model reads: (v / 255 - mean) / std, shape (1, 3, height,
    width).

    `resample`: "bilinear" takes 2 taps with half-pixel centres and clamps at the edge (torch's `interpolate` without
    antialias); "bilinear-topleft" takes them at x * before / after; "triangle" widens the filter when it shrinks
    (Pillow's BILINEAR, within 1 of 255); "pillow-bilinear", "pillow-bicubic" and "pillow-lanczos" are Pillow's 8-bit
    resampler, bit for bit. `rounding` says what becomes of the resized value on the 0..255 scale: kept, truncated (as
    IS-Net's and RMBG-1.4's code do) or rounded to nearest; the pillow filters give whole levels whatever it says.
    `divide_by_max` puts the resized image's largest value in the place of 255 (as U2-Net's code does; a black image
    keeps 255). `bgr` swaps the first and the third channel. Alpha is ignored, grey becomes three equal planes, 16-bit
    samples are first rounded to 8 bits. Sides of `size` are from 1 to 16383.
    """
    result = _core.preprocess(
        array_of(image, "an image"),
        size_of(size),
        three_of(mean, "mean"),
        three_of(std, "std"),
        word_of(resample, "resample"),
        word_of(rounding, "rounding"),
        bool(divide_by_max),
        bool(bgr),
        dtype_name(dtype),
        out_of(out),
        _threads(threads),
    )
    return given(result, out)


def minmax(
    mask: NDArray[np.float32] | Buffer,
    *,
    size: tuple[int, int] | None = None,
    resample: MaskResample = "bilinear",
    threads: int | None = None,
) -> MinMax:
    """The range of a float32 mask of shape (H, W). NaN and infinities are ignored.

    With `size`, (height, width), it is the range that the mask has once it is resized to that, in float: for the
    filters with two taps at about the price of the small mask, since only pixels next to a sample can be the largest or
    the smallest (equal to the enlarged mask's range but for the last bits of float32); the others are resized for it.
    """
    return MinMax(
        *_core.minmax(
            array_of(mask, "a mask"),
            None if size is None else size_of(size),
            word_of(resample, "resample"),
            _threads(threads),
        )
    )


def sigmoid(
    mask: NDArray[np.float32] | Buffer,
    *,
    out: NDArray[np.float32] | Buffer | None = None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """1 / (1 + exp(-v)) of a float32 mask of shape (H, W): what a network's logits are before they are a mask.

    Within 2.5 units of float32's last place, and the same on every CPU. NaN stays NaN.
    """
    result = _core.sigmoid(array_of(mask, "a mask"), out_of(out), _threads(threads))
    return given(result, out)


def resize_mask(
    mask: NDArray[np.float32] | Buffer,
    size: tuple[int, int],
    *,
    range: tuple[float, float] | None = None,
    resample: MaskResample = "bilinear",
    rounding: MaskRounding = "nearest",
    dtype: Literal["uint8", "uint16", "float32"] = "uint8",
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Resize a float32 mask of shape (H, W) to `size`, scaled to 0..255, 0..65535 or 0..1 as `dtype` says.

    `range`, such as `minmax` returns, is stretched to the whole scale; without it the values are taken to lie on 0..1.
    What lies outside is clamped, NaN becomes 0. "bilinear": 2 taps, half-pixel centres; "bilinear-topleft": 2 taps
    at x * before / after; "bilinear-corners": 2 taps, the corner samples stay in the corners (torch's
    align_corners=True); "bicubic": a = -1/2, widened when it shrinks
    (Pillow's BICUBIC, in float); "nearest": the sample under the pixel's centre. "pillow-bilinear", "pillow-bicubic"
    and "pillow-lanczos", for uint8, make 8-bit levels of the mask first and send those through Pillow's 8-bit
    resampler, bit for bit; for the other dtypes they are the same filters in float.
    """
    pair = None if range is None else pair_of(range)
    result = _core.resize_mask(
        array_of(mask, "a mask"),
        size_of(size),
        pair,
        word_of(resample, "resample"),
        word_of(rounding, "rounding"),
        dtype_name(dtype),
        out_of(out),
        _threads(threads),
    )
    return given(result, out)


def blend(
    image: Image | Buffer,
    alpha: Image | Buffer,
    *,
    mode: Alpha = "straight",
    background: Background = None,
    threshold: int | None = None,
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> Image:
    """Join an image and its alpha, shape (H, W) of the image's dtype, to RGBA of the image's dtype.

    The image's own alpha, if any, multiplies `alpha`. `threshold`, 1..255, then makes it binary: opaque from that
    level on. "straight" keeps the colour (0 where alpha is 0), "premultiplied" multiplies it by alpha. With
    `background`, three values 0..255 or a picture, RGB of the image's size and dtype, the result is RGB over that. For
    uint16 images threshold and colour are scaled by 257. All roundings are to nearest.
    """
    result = _core.blend(
        array_of(image, "an image"),
        array_of(alpha, "alpha"),
        word_of(mode, "mode"),
        *background_of(background),
        _level(threshold),
        out_of(out),
        _threads(threads),
    )
    return given(result, out)


def cutout(
    image: Image | Buffer,
    mask: NDArray[np.float32] | Buffer,
    *,
    minmax: MinMaxOrder = "before",
    resample: MaskResample = "bilinear",
    rounding: MaskRounding = "nearest",
    mode: Alpha = "straight",
    background: Background = None,
    threshold: int | None = None,
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> Image:
    """`minmax` (before or after the mask is resized; none: it is on 0..1), `resize_mask` to the image's size, `blend`:
    fused by bands of rows."""
    result = _core.cutout(
        array_of(image, "an image"),
        array_of(mask, "a mask"),
        word_of(minmax, "minmax"),
        word_of(resample, "resample"),
        word_of(rounding, "rounding"),
        word_of(mode, "mode"),
        *background_of(background),
        _level(threshold),
        out_of(out),
        _threads(threads),
    )
    return given(result, out)


def subject_box(alpha: NDArray[Any] | Buffer) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the smallest box around what is above 1/255 of opaque in `alpha`, shape (H, W).

    Columns left to right - 1, rows top to bottom - 1, as Pillow's `Image.crop` takes them; None where there is nothing.

    uint8, uint16, or float32, where 1 is opaque and NaN nothing.
    """
    return _core.subject_box(array_of(alpha, "alpha"))


def estimate_foreground(
    image: Image | Buffer,
    alpha: Image | Buffer,
    *,
    radii: tuple[int, int, int] = (45, 12, 3),
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> Image:
    """The subject's own colour, RGB of shape (H, W, 3), where the background shines through soft edges.

    `alpha`, shape (H, W) of the image's dtype, is what the result will be shown with; the image's own is ignored.
    Opaque pixels keep their colour, transparent ones become 0. By three rounds of blur fusion (after Marco Forte,
    "Approximate Fast Foreground Colour Estimation", ICIP 2021) over boxes that reach `radii` pixels, 0 to 90, to each
    side. The first radius should reach from soft pixels to opaque ones, the others refine what it found.
    """
    result = _core.estimate_foreground(
        array_of(image, "an image"),
        array_of(alpha, "alpha"),
        radii_of(radii),
        out_of(out),
        _threads(threads),
    )
    return given(result, out)


def _level(threshold: int | None) -> int | None:
    return None if threshold is None else whole_of(threshold, "threshold")
