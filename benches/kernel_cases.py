"""The three kernels of the report on one picture: ours, the reference, what the memory has to move, and the rivals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import rivals
from timing import Array, Call

from rmbg_fast import ops, reference

SIZE = rivals.SIZE
LEVEL = 1.02 / 255
"""One grey level of a network's input, with what float32 adds."""


class Rival(NamedTuple):
    """A call, and what has to agree within `tolerance`: `of_ours` of our result, `of_theirs` of what it returned."""

    call: Call
    tolerance: float
    of_ours: Callable[[Array], Array] = lambda result: result
    of_theirs: Callable[[Any], Array] = lambda result: result


@dataclass(frozen=True)
class Case:
    """A kernel on a picture. `ours(threads, out)` without `out` makes a fresh result; `out` is the buffer to reuse;
    `read` is what it touches of the picture, and the mask; `rivals(threads)` are those that can use as many threads.
    """

    kernel: str
    image: Array
    read: list[Array]
    out: Array
    ours: Callable[[int, Array | None], Array]
    reference: Call
    rivals: Callable[[int], dict[str, Rival]]

    @property
    def bytes(self) -> int:
        """That have to move."""
        return sum(array.nbytes for array in self.read) + self.out.nbytes

    def check(self) -> None:
        """Ours equals the reference bit for bit, with any number of threads, and the rivals' within their tolerance."""
        result = self.ours(1, self.out)
        assert np.array_equal(result, self.reference()), f"{self.kernel}: not what the reference gives"
        assert np.array_equal(result, self.ours(2, None)), f"{self.kernel}: two threads give another result"
        for threads in (1, 2):
            for name, rival in self.rivals(threads).items():
                theirs = np.asarray(rival.of_theirs(rival.call()), np.float32)
                apart = np.abs(rival.of_ours(result).astype(np.float32) - theirs).max()
                assert apart <= rival.tolerance, f"{self.kernel}, {name}: {apart} apart"


def cases(image: Array) -> list[Case]:
    """Of an RGB uint8 picture."""
    return [bilinear(image), triangle(image), cutout(image, subject())]


def noise(size: tuple[int, int]) -> Array:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def subject(size: tuple[int, int] = SIZE) -> Array:
    """A mask as networks give them: a disc with a soft edge, 0.01 to 0.99."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    return np.clip(2.5 - 4 * np.hypot(x, y), 0.01, 0.99).astype(np.float32)


def bilinear(image: Array) -> Case:
    """IS-Net's input: 2 taps, truncated."""

    def ours(threads: int, out: Array | None) -> Array:
        return ops.preprocess(image, size=SIZE, rounding="truncate", out=out, threads=threads)

    def others(threads: int) -> dict[str, Rival]:
        found = {}
        if rivals.HAS_OPENCV:
            found["OpenCV"] = Rival(lambda: rivals.opencv_preprocess(image), 2 * LEVEL)  # fixed point; ours truncates
        if rivals.HAS_TORCH:
            found["torch"] = Rival(lambda: rivals.torch_preprocess(image, antialias=False), 2 * LEVEL)
        if threads == 1:
            found["NumPy"] = Rival(numpy_way, 0)
        return found

    def numpy_way() -> Array:
        return reference.preprocess(image, size=SIZE, rounding="truncate")

    read = np.ascontiguousarray(image[touched(image.shape[0])])
    return Case("preprocess, bilinear", image, [read], tensor(), ours, numpy_way, others)


def triangle(image: Array) -> Case:
    """Antialiased, rounded to levels."""

    def ours(threads: int, out: Array | None) -> Array:
        return ops.preprocess(image, size=SIZE, resample="triangle", rounding="nearest", out=out, threads=threads)

    def others(threads: int) -> dict[str, Rival]:
        found = {}
        if rivals.HAS_FAST_IMAGE_RESIZE:
            resize, pixels = rivals.fast_image_resize(image, threads)
            found["fast_image_resize, resize alone"] = Rival(resize, LEVEL * 255, levels, lambda _: pixels())
        if rivals.HAS_TORCH:
            found["torch"] = Rival(lambda: rivals.torch_preprocess(image, antialias=True), LEVEL)
        if threads == 1:
            found["Pillow + NumPy"] = Rival(lambda: rivals.pillow_preprocess(image), LEVEL)
            found["NumPy"] = Rival(numpy_way, 0)
        return found

    def numpy_way() -> Array:
        return reference.preprocess(image, size=SIZE, resample="triangle", rounding="nearest")

    return Case("preprocess, antialiased", image, [image], tensor(), ours, numpy_way, others)


def cutout(image: Array, mask: Array) -> Case:
    """Min-max, the mask to the picture's size, RGBA with zeroed colour."""
    result = np.empty((*image.shape[:2], 4), np.uint8)
    scratch = np.empty_like(result)
    enlarged = image.shape[0] >= mask.shape[0] and image.shape[1] >= mask.shape[1]

    def ours(threads: int, out: Array | None) -> Array:
        return ops.cutout(image, mask, out=out, threads=threads)

    def others(threads: int) -> dict[str, Rival]:
        found = {}
        if rivals.HAS_OPENCV:
            found["OpenCV"] = Rival(lambda: rivals.opencv_cutout(image, mask, scratch), 1, alpha, alpha)
        if threads == 1:
            if enlarged:  # Pillow's filter grows wider where the mask shrinks
                found["Pillow + NumPy"] = Rival(lambda: rivals.pillow_cutout(image, mask), 1, alpha, alpha)
            found["NumPy"] = Rival(numpy_way, 0)
        return found

    def numpy_way() -> Array:
        return reference.cutout(image, mask)

    return Case("min-max, mask, blend", image, [image, mask], result, ours, numpy_way, others)


def touched(height: int) -> Array:
    """The rows of a picture that a resize to the network's height with two taps reads."""
    at = np.clip((np.arange(SIZE[0]) + 0.5) * height / SIZE[0] - 0.5, 0, height - 1)
    first = np.floor(at).astype(np.int64)
    return np.unique([first, np.minimum(first + 1, height - 1)])


def tensor() -> Array:
    return np.empty((1, 3, *SIZE), np.float32)


def alpha(rgba: Array) -> Array:
    return rgba[..., 3]


def levels(planes: Array) -> Array:
    """A network's input as a picture of 0..255."""
    return (planes[0].transpose(1, 2, 0) + 0.5) * 255
