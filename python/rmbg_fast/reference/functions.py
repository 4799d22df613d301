"""The functions of `rmbg_fast.ops` in pure NumPy: same signatures, same bits, no speed.

Written from the kernels' formulas (integers in int64, floats in float32, in the kernels' order of operations), to check
them and to read how a result comes about. `threads` is checked and otherwise ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._arguments import pair_of, radii_of, size_of, three_of
from .._buffers import Buffer
from .._choices import Alpha, MaskResample, MaskRounding, MinMaxOrder, Resample, Rounding
from ..errors import ModelOutputError, OptionError
from ..ops import Background, Image, MinMax
from .axes import (
    BICUBIC,
    FILTERS,
    TRIANGLE,
    Ints,
    Taps,
    corners,
    filter_taps,
    in_q14,
    pair,
    pair_rest,
    resize_levels,
)
from .checks import (
    check_alpha,
    check_background,
    check_blend,
    check_choice,
    check_image,
    check_mask,
    check_plane,
    check_size,
    check_threads,
    deliver,
)

_MAX_MODEL_SIDE = 16383
_TOPS = {"uint8": 255, "uint16": 65535, "float32": 1}
_MASK_RESAMPLES = ("bilinear", "bilinear-topleft", "bilinear-corners", "bicubic", "nearest", *FILTERS)

Floats = NDArray[np.float32]

# Of (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2, the lowest power first; fitted to the least relative error of exp(r).
_EXP_TERMS = np.array([0.4999999404, 0.1666652113, 0.04166839272, 0.008368745446, 0.001381453592], np.float32)


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
    """As `ops.preprocess`."""
    check_threads(threads)
    image = check_image(image)
    height, width = size_of(size)
    if not (1 <= height <= _MAX_MODEL_SIDE and 1 <= width <= _MAX_MODEL_SIDE):
        raise OptionError(f"size must be (height, width), each from 1 to {_MAX_MODEL_SIDE}, not {size}")
    check_choice("resample", resample, ("bilinear", "bilinear-topleft", "triangle", *FILTERS))
    check_choice("rounding", rounding, ("none", "truncate", "nearest"))
    check_choice("dtype", dtype, ("float32", "float16"))
    mean, std = three_of(mean, "mean"), three_of(std, "std")
    if not all(value > 0 for value in std):
        raise OptionError("std must be greater than 0 in every channel")
    picture = image[:, :, None] if image.ndim == 2 else image
    picture = picture[:, :, [0, 0, 0]] if picture.shape[2] == 1 else picture[:, :, [2, 1, 0] if bgr else [0, 1, 2]]
    if picture.dtype == np.uint16:
        picture = ((picture.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    white = 255.0
    if divide_by_max:
        plain = _resize_normalize(
            picture, height, width, resample, rounding, np.ones(3, np.float32), np.zeros(3, np.float32)
        )
        white = float(plain.max()) or white
    scale = np.array([1.0 / (white * value) for value in std]).astype(np.float32)
    bias = np.array([-m / s for m, s in zip(mean, std, strict=True)]).astype(np.float32)
    values = _resize_normalize(picture, height, width, resample, rounding, scale, bias)
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(values.transpose(2, 0, 1)[None]).astype(dtype)
    return deliver(result, out, image, contiguous=True)


def minmax(
    mask: NDArray[np.float32] | Buffer,
    *,
    size: tuple[int, int] | None = None,
    resample: MaskResample = "bilinear",
    threads: int | None = None,
) -> MinMax:
    """As `ops.minmax`; with `size` the whole resized mask is made and looked at."""
    check_threads(threads)
    mask = check_mask(mask)
    check_choice("resample", resample, _MASK_RESAMPLES)
    if size is not None:
        height, width = size_of(size)
        check_size(height, width)
        mask = _resized(mask, (height, width), resample)
    values = mask[np.isfinite(mask)]
    if values.size == 0:
        return MinMax(float("inf"), float("-inf"))
    return MinMax(float(values.min()) + 0.0, float(values.max()) + 0.0)


def sigmoid(
    mask: NDArray[np.float32] | Buffer,
    *,
    out: NDArray[np.float32] | Buffer | None = None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """As `ops.sigmoid`: the exponential is 2^k * e^r, where r is what k times ln 2 leaves."""
    check_threads(threads)
    mask = check_mask(mask)
    one, magic = np.float32(1), np.float32(3 << 22)  # a sum with `magic` has no bits left behind the point
    x = -np.clip(np.nan_to_num(mask, nan=0.0), np.float32(-87), np.float32(87))
    k = (x * np.float32(1.44269502) + magic) - magic
    r = (x - k * np.float32(0.693359375)) - k * np.float32(-2.12194442e-4)
    q = np.full_like(r, _EXP_TERMS[-1])
    for term in _EXP_TERMS[-2::-1]:
        q = q * r + term
    result = one / (one + np.ldexp(((q * r) * r + r) + one, k.astype(np.int32)))
    return deliver(np.where(np.isnan(mask), mask, result), out, mask, contiguous=True)


_minmax = minmax  # `cutout` has an option of that name


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
    """As `ops.resize_mask`."""
    check_threads(threads)
    mask = check_mask(mask)
    height, width = size_of(size)
    check_size(height, width)
    check_choice("resample", resample, _MASK_RESAMPLES)
    check_choice("rounding", rounding, ("truncate", "nearest"))
    check_choice("dtype", dtype, tuple(_TOPS))
    top = np.float32(_TOPS[dtype])
    lo, gain = (np.float32(0), top) if range is None else _stretch(pair_of(range), top)
    by_levels = resample in FILTERS and dtype == "uint8"
    values = mask if by_levels else _resized(mask, (height, width), resample)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values - lo) * gain
        scaled = np.where(scaled > 0, scaled, np.float32(0))  # NaN too becomes 0
        scaled = np.minimum(scaled, top)
    many_taps = not by_levels and (resample == "bicubic" or resample in FILTERS)
    if dtype != "float32" and (rounding == "nearest" or many_taps):
        scaled = scaled + np.float32(0.5)
    result = scaled.astype(dtype)
    if by_levels:
        result = resize_levels(result[:, :, None], (height, width), FILTERS[resample])[:, :, 0]
    return deliver(np.ascontiguousarray(result), out, mask)


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
    """As `ops.blend`."""
    check_threads(threads)
    image = check_image(image)
    alpha = check_alpha(alpha, image)
    behind = check_background(background, image)
    check_blend(mode, behind is not None, threshold)
    height, width = image.shape[:2]
    result = np.empty((height, width, 4 if behind is None else 3), image.dtype)
    for y in range(height):
        result[y] = _blend_row(image[y], alpha[y], mode, None if behind is None else behind[y], threshold)
    return deliver(result, out, image, alpha, *(() if behind is None else (behind,)))


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
    """As `ops.cutout`."""
    image = check_image(image)
    mask = check_mask(mask)
    behind = check_background(background, image)
    check_blend(mode, behind is not None, threshold)
    check_choice("minmax", minmax, ("none", "before", "after"))
    dtype: Literal["uint8", "uint16"] = "uint8" if image.dtype == np.uint8 else "uint16"
    height, width = image.shape[:2]
    size = (height, width) if minmax == "after" else None
    span = None if minmax == "none" else _minmax(mask, size=size, resample=resample, threads=threads)
    alpha = resize_mask(mask, (height, width), range=span, resample=resample, rounding=rounding, dtype=dtype)
    result = blend(image, alpha, mode=mode, background=background, threshold=threshold, threads=threads)
    return deliver(result, out, image, mask, *(() if behind is None else (behind,)))


def estimate_foreground(
    image: Image | Buffer,
    alpha: Image | Buffer,
    *,
    radii: tuple[int, int, int] = (45, 12, 3),
    out: NDArray[Any] | Buffer | None = None,
    threads: int | None = None,
) -> Image:
    """As `ops.estimate_foreground`."""
    check_threads(threads)
    image = check_image(image)
    alpha = check_alpha(alpha, image)
    radii = radii_of(radii)
    if not all(0 <= radius <= 90 for radius in radii):
        raise OptionError(f"radii must be three values from 0 to 90, not {radii}")
    top = int(np.iinfo(image.dtype).max)
    colour = (image[:, :, None] if image.ndim == 2 else image[:, :, :3]).astype(np.int64)
    a = alpha.astype(np.int64)[:, :, None]
    front = behind = colour
    for radius in radii:
        front, behind = _fuse(colour, a, front, behind, radius, top)
    result = np.where(a == 0, 0, front).astype(image.dtype)
    if result.shape[2] == 1:
        result = result[:, :, [0, 0, 0]].copy()
    return deliver(result, out, image, alpha)


def _resize_normalize(
    picture: Image, height: int, width: int, resample: str, rounding: str, scale: Floats, bias: Floats
) -> Floats:
    if resample in FILTERS:
        return _preprocess_levels(picture, height, width, resample, scale, bias)
    if resample == "triangle":
        return _preprocess_triangle(picture, height, width, rounding, scale, bias)
    return _preprocess_bilinear(picture, height, width, rounding, scale, bias, resample == "bilinear-topleft")


def _preprocess_bilinear(
    picture: Image, height: int, width: int, rounding: str, scale: Floats, bias: Floats, topleft: bool
) -> Floats:
    left, wx = pair_rest(picture.shape[1], width, topleft=topleft)
    upper, wy = pair_rest(picture.shape[0], height, topleft=topleft)
    right = left + (wx > 0)
    lower = upper + (wy > 0)
    wx, wy = wx[:, None], wy[:, None, None]
    dx, dy = 2 * width, 2 * height

    def across(rows: Ints) -> Ints:
        at = rows[:, None]
        return np.asarray(picture[at, left] * (dx - wx) + picture[at, right] * wx, np.int64)

    h0, h1 = across(upper), across(lower)
    if rounding == "none":
        a, b = h0.astype(np.float32), h1.astype(np.float32)
        v = a + (b - a) * (wy.astype(np.float32) / np.float32(dy))
        return np.asarray(v * (scale * (np.float32(1) / np.float32(dx))) + bias, np.float32)
    n = h0 * (dy - wy) + h1 * wy + (dx * dy // 2 if rounding == "nearest" else 0)
    return np.asarray((n // (dx * dy)).astype(np.float32) * scale + bias, np.float32)


def _preprocess_triangle(picture: Image, height: int, width: int, rounding: str, scale: Floats, bias: Floats) -> Floats:
    columns = filter_taps(picture.shape[1], width, TRIANGLE)
    rows = filter_taps(picture.shape[0], height, TRIANGLE)
    few = columns.length.max() <= 6 or 2 * picture.shape[0] <= height
    if few and rows.length.max() <= 8:  # cpp/kernels/kernels.hpp, triangle_columns_first
        total = _filtered(rows, (_filtered(columns, picture.swapaxes(0, 1)).swapaxes(0, 1) + 64) >> 7)
    else:
        total = _filtered(columns, ((_filtered(rows, picture) + 64) >> 7).swapaxes(0, 1)).swapaxes(0, 1)
    if rounding == "none":
        return np.asarray(total.astype(np.float32) * (scale * np.float32(2.0**-21)) + bias, np.float32)
    half = 1 << 20 if rounding == "nearest" else 0
    return np.asarray(((total + half) >> 21).astype(np.float32) * scale + bias, np.float32)


def _filtered(taps: Taps, values: NDArray[Any]) -> Ints:
    """Sums over the taps along the first axis, weights in Q14."""
    of = zip(in_q14(taps), taps.samples, strict=True)
    return np.stack([np.tensordot(weights, values[at].astype(np.int64), axes=1) for weights, at in of])


def _preprocess_levels(picture: Image, height: int, width: int, resample: str, scale: Floats, bias: Floats) -> Floats:
    levels = resize_levels(picture, (height, width), FILTERS[resample])
    return np.asarray(levels.astype(np.float32) * scale + bias, np.float32)


def _resize_columns(values: Floats, width: int, resample: str) -> Floats:
    before = values.shape[1]
    if resample == "nearest":
        return values[:, (2 * np.arange(width, dtype=np.int64) + 1) * before // (2 * width)]
    if resample.startswith("bilinear"):
        topleft = resample == "bilinear-topleft"
        first, weight = (
            corners(before, width) if resample == "bilinear-corners" else pair(before, width, topleft=topleft)
        )
        a = values[:, first]
        b = values[:, np.minimum(first + 1, before - 1)]
        return np.asarray(a + (b - a) * weight.astype(np.float32), np.float32)
    taps = filter_taps(before, width, FILTERS.get(resample, BICUBIC))
    weights = taps.weights.astype(np.float32)
    result = weights[:, 0] * values[:, taps.samples[:, 0]]
    for t in range(1, weights.shape[1]):
        # Not every output has this tap, and 0 * NaN would not be 0.
        result = np.where(t < taps.length, result + weights[:, t] * values[:, taps.samples[:, t]], result)
    return result


def _resized(mask: Floats, size: tuple[int, int], resample: str) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        return _resize_columns(_resize_columns(mask, size[1], resample).T, size[0], resample).T


def _stretch(span: tuple[float, float], top: np.float32) -> tuple[np.float32, np.float32]:
    """(lo, gain) that takes lo to 0 and hi to top or a little more, which is then clamped."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        lo, hi = np.float32(span[0]), np.float32(span[1])
        if not lo <= hi:
            raise ModelOutputError("the mask has no finite value (all are NaN or infinite)")
        width = hi - lo
        if width == 0:
            raise ModelOutputError(f"the mask is constant (every value is {lo}): it has no subject to cut out")
        if not np.isfinite(width):
            raise ModelOutputError("the mask's values are too far apart for float32")
        gain = top / width
        while np.float32(width * gain) < top:
            gain = np.nextafter(gain, np.float32(np.inf))
    return lo, gain


def subject_box(alpha: NDArray[Any] | Buffer) -> tuple[int, int, int, int] | None:
    """As `ops.subject_box`."""
    plane = check_plane(alpha)
    seen = plane > (1 / np.float32(255) if plane.dtype == np.float32 else np.iinfo(plane.dtype).max // 255)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _blend_row(pixels: Image, alpha: Image, mode: str, behind: Image | None, threshold: int | None) -> Ints:
    top = int(np.iinfo(pixels.dtype).max)
    unit = top // 255
    colour = (pixels[:, None] if pixels.ndim == 1 else pixels[:, :3]).astype(np.int64)
    colour = np.broadcast_to(colour, (len(pixels), 3))
    a = alpha.astype(np.int64)[:, None]
    if pixels.ndim == 2 and pixels.shape[1] == 4:
        a = (a * pixels[:, 3:] + top // 2) // top
    if threshold is not None:
        a = np.where(a >= threshold * unit, top, 0)
    if behind is not None:
        return np.asarray((colour * a + behind.astype(np.int64) * (top - a) + top // 2) // top, np.int64)
    colour = np.where(a == 0, 0, colour) if mode == "straight" else (colour * a + top // 2) // top
    return np.concatenate([colour, a], axis=1)


def _fuse(colour: Ints, alpha: Ints, front: Ints, behind: Ints, radius: int, top: int) -> tuple[Ints, Ints]:
    """One blur fusion: the next foreground and background, on 0..top."""

    def mean(values: Ints, share: Ints) -> Floats:
        square = (share * share + top // 2) // top
        weights = np.minimum(share, np.maximum(1, (square * share + top // 2) // top))
        return np.asarray(_box(values * weights, radius) / np.maximum(_box(weights, radius), np.float32(1)), np.float32)

    def sample(values: Floats) -> Ints:
        return np.asarray(np.clip(values, 0, np.float32(top)) + np.float32(0.5)).astype(np.int64)

    f, g = mean(front, alpha), mean(behind, top - alpha)
    t = alpha.astype(np.float32) / np.float32(top)
    u = np.float32(1) - t
    e = ((colour.astype(np.float32) - t * f) - u * g) / (t * t + u * u)
    return sample(f + t * e), sample(g + u * e)


def _box(values: Ints, radius: int) -> Floats:
    """Sums over the pixels that are at most `radius` rows and columns away; exact, then rounded to float32."""
    for axis in (0, 1):
        size = values.shape[axis]
        running = np.cumsum(values, axis=axis)
        running = np.insert(running, 0, 0, axis=axis)
        at = np.arange(size)
        upper = running.take(np.minimum(at + radius + 1, size), axis=axis)
        values = upper - running.take(np.maximum(at - radius, 0), axis=axis)
    return values.astype(np.float32)
