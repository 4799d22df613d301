"""post_process_mask against its own definition, pixel by pixel, in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from rmbg_fast.rembg._post_process import post_process


def mirrored(index: int, length: int) -> int:
    """An index beyond the edge, in the picture's mirror image: d c b a | a b c d | d c b a."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


def defined(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The result, and the blurred mask before it is made binary."""
    height, width = mask.shape

    def over_cross(values: np.ndarray, choose: type) -> np.ndarray:
        found = np.empty_like(values)
        for y in range(height):
            for x in range(width):
                near = [(y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                found[y, x] = choose(values[v, u] for v, u in near if 0 <= v < height and 0 <= u < width)
        return found

    opened = over_cross(over_cross(mask, min), max).astype(float)
    weights = [math.exp(-0.5 * (step / 2) ** 2) for step in range(-8, 9)]
    weights = [weight / sum(weights) for weight in weights]
    steps = list(zip(range(-8, 9), weights, strict=True))
    down = np.array([sum(w * opened[mirrored(y + step, height)] for step, w in steps) for y in range(height)])
    both = np.array([sum(w * down[:, mirrored(x + step, width)] for step, w in steps) for x in range(width)]).T
    return np.where(both < 127, 0, 255), both


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (30, 41), (64, 65), (70, 130)])
@pytest.mark.parametrize("smooth", [False, True])
def test_definition(size: tuple[int, int], smooth: bool) -> None:
    random = np.random.default_rng(3)
    mask = random.integers(0, 256, size, np.uint8)
    if smooth:
        small = Image.fromarray(random.integers(0, 2, (max(size[0] // 6, 1), max(size[1] // 6, 1)), np.uint8) * 255)
        mask = np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))
    result = post_process(mask)
    wanted, blurred = defined(mask)
    assert result.dtype == np.uint8
    sure = np.abs(blurred - 127) > 1e-9
    np.testing.assert_array_equal(result[sure], wanted[sure])


@pytest.mark.parametrize("level", [0, 126, 128, 255])
def test_even_masks(level: int) -> None:
    assert (post_process(np.full((200, 150), level, np.uint8)) == (255 if level > 127 else 0)).all()


def test_the_mask_is_not_changed() -> None:
    mask = np.random.default_rng(5).integers(0, 256, (90, 80), np.uint8)
    before = mask.copy()
    post_process(mask)
    np.testing.assert_array_equal(mask, before)
