"""Which samples of one axis an output sample is made of, with what weights: the tables of `rmbg_fast.reference`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


class Taps(NamedTuple):
    """One axis of a filter: output d is the sum over t < length[d] of weights[d, t] * values[samples[d, t]]."""

    samples: Ints
    length: Ints
    weights: Doubles  # each row sums to 1; 0 from length[d] on


class Filter(NamedTuple):
    """A filter: its value at x, and how far from 0 it ends."""

    value: Callable[[float], float]
    support: float


def _triangle(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def _cubic(x: float) -> float:
    """Keys' cubic with a = -1/2."""
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5 if x < 2.0 else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x else 1.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3.0) if -3.0 <= x < 3.0 else 0.0


TRIANGLE = Filter(_triangle, 1.0)
BICUBIC = Filter(_cubic, 2.0)
LANCZOS = Filter(_lanczos, 3.0)
FILTERS = {"pillow-bilinear": TRIANGLE, "pillow-bicubic": BICUBIC, "pillow-lanczos": LANCZOS}


def pair_rest(before: int, after: int, *, topleft: bool = False) -> tuple[Ints, Ints]:
    """Index of the first of two taps, and the second's weight in 1 / (2 * after); half-pixel centres, or top-left."""
    d = np.arange(after, dtype=np.int64)
    n = 2 * d * before if topleft else np.maximum(0, (2 * d + 1) * before - after)
    first = n // (2 * after)
    last = first >= before - 1
    return np.where(last, before - 1, first), np.where(last, 0, n % (2 * after))


def pair(before: int, after: int, *, topleft: bool = False) -> tuple[Ints, Doubles]:
    """Index of the first of two taps, and the weight of the second."""
    first, rest = pair_rest(before, after, topleft=topleft)
    return first, rest / (2.0 * after)


def corners(before: int, after: int) -> tuple[Ints, Doubles]:
    """Index of the first of two taps, and the weight of the second; the corner samples stay in the corners."""
    steps = max(after - 1, 1)
    n = np.arange(after, dtype=np.int64) * (before - 1)
    return n // steps, (n % steps) / float(steps)


def filter_taps(before: int, after: int, kind: Filter) -> Taps:
    """The samples under the filter, which is widened when it shrinks, as Pillow's `Resample.c` takes them."""
    scale = before / after
    widen = max(scale, 1.0)
    support = kind.support * widen
    centre = (np.arange(after) + 0.5) * scale
    begin = np.maximum(0, (centre - support + 0.5).astype(np.int64))
    end = np.minimum(before, (centre + support + 0.5).astype(np.int64))
    index = begin[:, None] + np.arange(int((end - begin).max()))
    at = (index - centre[:, None] + 0.5) * (1.0 / widen)
    values: Any = np.vectorize(kind.value, otypes=[np.float64])(at)
    values = np.where(index < end[:, None], values, 0.0)
    weights = values / np.cumsum(values, axis=1)[:, -1:]
    return Taps(np.minimum(index, before - 1), end - begin, weights)


def in_q14(taps: Taps) -> Ints:
    """Weights in Q14: differences of the rounded running sums, so that each row sums to 16384."""
    upto = np.floor(np.cumsum(taps.weights, axis=1) * 16384.0 + 0.5)
    upto = np.where(np.arange(upto.shape[1]) + 1 < taps.length[:, None], upto, 16384.0)
    return np.diff(upto, axis=1, prepend=0.0).astype(np.int64)


def resize_levels(picture: NDArray[Any], size: tuple[int, int], kind: Filter) -> NDArray[np.uint8]:
    """Pillow's 8-bit resampler of (H, W, C): columns first, weights in Q22, each of the two results a rounded byte."""
    levels = _levels(picture.transpose(1, 0, 2), size[1], kind).transpose(1, 0, 2)
    return _levels(levels, size[0], kind)


def _levels(rows: NDArray[Any], after: int, kind: Filter) -> NDArray[np.uint8]:
    taps = filter_taps(rows.shape[0], after, kind)
    scaled = taps.weights * (1 << 22)
    weights = np.trunc(np.where(scaled < 0, scaled - 0.5, scaled + 0.5)).astype(np.int64)
    result = np.empty((after, *rows.shape[1:]), np.uint8)
    for d in range(after):
        total = np.tensordot(weights[d], rows[taps.samples[d]].astype(np.int64), axes=1)
        result[d] = np.clip((total + (1 << 21)) >> 22, 0, 255)
    return result
