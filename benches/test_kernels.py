"""Each kernel against the numpy reference, Pillow and OpenCV, single thread, buffers reused. Equality first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals import SIZE, opencv_cutout, opencv_preprocess, pillow_cutout, pillow_preprocess

from rmbg_fast import ops, reference

cv2 = pytest.importorskip("cv2")
cv2.setNumThreads(1)
RANGE = (0.01, 0.99)


@pytest.mark.parametrize("who", ["rmbg_fast", "reference", "opencv", "pillow"])
@pytest.mark.benchmark(group="preprocess bilinear")
def test_preprocess(benchmark: Any, image: NDArray[Any], who: str) -> None:
    out = np.empty((1, 3, *SIZE), np.float32)
    assert np.array_equal(ops.preprocess(image, size=SIZE, out=out, threads=1), reference.preprocess(image, size=SIZE))
    calls = {
        "rmbg_fast": lambda: ops.preprocess(image, size=SIZE, out=out, threads=1),
        "reference": lambda: reference.preprocess(image, size=SIZE),
        "opencv": lambda: opencv_preprocess(image),
        "pillow": lambda: pillow_preprocess(image),
    }
    benchmark(calls[who])


@pytest.mark.parametrize("who", ["rmbg_fast", "pillow"])
@pytest.mark.benchmark(group="preprocess triangle")
def test_triangle(benchmark: Any, image: NDArray[Any], who: str) -> None:
    out = np.empty((1, 3, *SIZE), np.float32)
    ours = ops.preprocess(image, size=SIZE, resample="triangle", out=out, threads=1)
    assert np.abs(ours - pillow_preprocess(image)).max() <= 1.02 / 255
    calls = {
        "rmbg_fast": lambda: ops.preprocess(image, size=SIZE, resample="triangle", out=out, threads=1),
        "pillow": lambda: pillow_preprocess(image),
    }
    benchmark(calls[who])


@pytest.mark.parametrize("who", ["rmbg_fast", "reference", "opencv", "pillow"])
@pytest.mark.benchmark(group="mask + blend")
def test_cutout(benchmark: Any, image: NDArray[Any], mask: NDArray[Any], who: str) -> None:
    out = np.empty((*image.shape[:2], 4), np.uint8)
    ours = ops.cutout(image, mask, rounding="truncate", out=out, threads=1)
    assert np.array_equal(ours, reference.cutout(image, mask, rounding="truncate"))
    assert np.abs(ours[..., 3].astype(int) - opencv_cutout(image, mask)[..., 3]).max() <= 1
    calls = {
        "rmbg_fast": lambda: ops.cutout(image, mask, rounding="truncate", out=out, threads=1),
        "reference": lambda: reference.cutout(image, mask, rounding="truncate"),
        "opencv": lambda: opencv_cutout(image, mask),
        "pillow": lambda: pillow_cutout(image, mask),
    }
    benchmark(calls[who])


@pytest.mark.parametrize("who", ["rmbg_fast", "reference", "numpy"])
@pytest.mark.benchmark(group="sigmoid")
def test_sigmoid(benchmark: Any, who: str) -> None:
    logits = np.random.default_rng(0).normal(0, 8, (1024, 1024)).astype(np.float32)
    out = np.empty_like(logits)
    assert np.array_equal(ops.sigmoid(logits, out=out), reference.sigmoid(logits))
    calls = {
        "rmbg_fast": lambda: ops.sigmoid(logits, out=out),
        "reference": lambda: reference.sigmoid(logits),
        "numpy": lambda: 1 / (1 + np.exp(-logits)),
    }
    assert np.abs(calls["numpy"]() - out).max() < 1e-6
    benchmark(calls[who])
