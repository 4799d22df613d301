"""The kernels on NumPy arrays. `rmbg_fast.reference` has the same functions in pure NumPy.

Sizes are (height, width). Images are uint8 or uint16, shape (H, W), (H, W, 3) RGB or (H, W, 4) RGBA with straight
alpha, at any strides. `out` takes the result where it is given: a writable array of exactly the result's shape and
dtype, with packed pixels, that does not overlap the input; it is also what is returned. `threads` is how many threads
share the rows. Every function releases the GIL while it works. Errors: `ImageError` for an array that is no image,
mask or alpha, `OptionError` for any other value, `ModelOutputError` for a mask that cannot be stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core

Image = NDArray[np.uint8] | NDArray[np.uint16]
Resample = Literal["bilinear", "triangle"]
MaskResample = Literal["bilinear", "bicubic", "nearest"]
Rounding = Literal["none", "truncate", "nearest"]
MaskRounding = Literal["truncate", "nearest"]
Alpha = Literal["straight", "premultiplied"]


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


def preprocess(
    image: Image,
    *,
    size: tuple[int, int],
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    resample: Resample = "bilinear",
    rounding: Rounding = "none",
    bgr: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    out: NDArray[Any] | None = None,
    threads: int = 1,
) -> NDArray[Any]:
    """Resize and normalise an image to the tensor that a model reads: (v / 255 - mean) / std, shape (1, 3, height,
    width).

    `resample`: "bilinear" takes 2 taps with half-pixel centres and clamps at the edge (torch's `interpolate` without
    antialias); "triangle" widens the filter when it shrinks (Pillow's BILINEAR, within 1 of 255). `rounding` says what
    becomes of the resized value on the 0..255 scale: kept, truncated (as IS-Net's and RMBG-1.4's code do) or rounded to
    nearest. `bgr` swaps the first and the third channel. Alpha is ignored, grey becomes three equal planes, 16-bit
    samples are first rounded to 8 bits. Sides of `size` are from 1 to 16383.
    """
    return _core.preprocess(image, _size(size), _three(mean), _three(std), resample, rounding, bgr, dtype, out, threads)


def minmax(mask: NDArray[np.float32], *, threads: int = 1) -> MinMax:
    """The range of a float32 mask of shape (H, W). NaN and infinities are ignored."""
    return MinMax(*_core.minmax(mask, threads))


def resize_mask(
    mask: NDArray[np.float32],
    size: tuple[int, int],
    *,
    range: tuple[float, float] | None = None,
    resample: MaskResample = "bilinear",
    rounding: MaskRounding = "nearest",
    dtype: Literal["uint8", "uint16", "float32"] = "uint8",
    out: NDArray[Any] | None = None,
    threads: int = 1,
) -> NDArray[Any]:
    """Resize a float32 mask of shape (H, W) to `size`, scaled to 0..255, 0..65535 or 0..1 as `dtype` says.

    `range`, such as `minmax` returns, is stretched to the whole scale; without it the values are taken to lie on 0..1.
    What lies outside is clamped, NaN becomes 0. "bilinear": 2 taps, half-pixel centres; "bicubic": a = -1/2, widened
    when it shrinks (Pillow's BICUBIC, in float); "nearest": the sample under the pixel's centre.
    """
    pair = None if range is None else (float(range[0]), float(range[1]))
    return _core.resize_mask(mask, _size(size), pair, resample, rounding, dtype, out, threads)


def blend(
    image: Image,
    alpha: Image,
    *,
    mode: Alpha = "straight",
    background: tuple[int, int, int] | None = None,
    threshold: int | None = None,
    out: NDArray[Any] | None = None,
    threads: int = 1,
) -> Image:
    """Join an image and its alpha, shape (H, W) of the image's dtype, to RGBA of the image's dtype.

    The image's own alpha, if any, multiplies `alpha`. `threshold`, 1..255, then makes it binary: opaque from that
    level on. "straight" keeps the colour (0 where alpha is 0), "premultiplied" multiplies it by alpha. With
    `background`, three values 0..255, the result is RGB over that colour. For uint16 images both are scaled by 257.
    All roundings are to nearest.
    """
    return _core.blend(image, alpha, mode, _colour(background), threshold, out, threads)


def cutout(
    image: Image,
    mask: NDArray[np.float32],
    *,
    normalize: bool = True,
    resample: MaskResample = "bilinear",
    rounding: MaskRounding = "nearest",
    mode: Alpha = "straight",
    background: tuple[int, int, int] | None = None,
    threshold: int | None = None,
    out: NDArray[Any] | None = None,
    threads: int = 1,
) -> Image:
    """`minmax` (if `normalize`), `resize_mask` to the image's size and `blend`, fused by bands of rows."""
    return _core.cutout(image, mask, normalize, resample, rounding, mode, _colour(background), threshold, out, threads)


def estimate_foreground(
    image: Image,
    alpha: Image,
    *,
    radii: tuple[int, int, int] = (45, 12, 3),
    out: NDArray[Any] | None = None,
    threads: int = 1,
) -> Image:
    """The subject's own colour, RGB of shape (H, W, 3), where the background shines through soft edges.

    `alpha`, shape (H, W) of the image's dtype, is what the result will be shown with; the image's own is ignored.
    Opaque pixels keep their colour, transparent ones become 0. By three rounds of blur fusion (after Marco Forte,
    "Approximate Fast Foreground Colour Estimation", ICIP 2021) over boxes that reach `radii` pixels, 0 to 90, to each
    side. The first radius should reach from soft pixels to opaque ones, the others refine what it found.
    """
    coarse, middle, fine = radii
    return _core.estimate_foreground(image, alpha, (int(coarse), int(middle), int(fine)), out, threads)


def _size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    return int(height), int(width)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return float(first), float(second), float(third)


def _colour(colour: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    if colour is None:
        return None
    red, green, blue = colour
    return int(red), int(green), int(blue)
