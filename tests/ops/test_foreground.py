"""Foreground colours: the kernel against its reference, bit for bit on every tier, and against known colours."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rmbg_fast import errors, ops, reference
from support.layouts import LAYOUTS

SIZES = [(1, 1), (1, 9), (13, 1), (7, 5), (33, 17), (70, 41)]
RADII = [(0, 0, 0), (1, 0, 2), (5, 2, 1), (1, 2, 5)]


def picture(height: int, width: int, channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def matte(height: int, width: int, dtype: str = "uint8", soft: float = 0.2) -> np.ndarray:
    """Opaque and transparent stretches, and a share of pixels of any value."""
    random = np.random.default_rng(1)
    top = np.iinfo(dtype).max
    values = np.where(np.add.outer(np.arange(height), np.arange(width)) // 15 % 2 == 0, 0, top)
    noise = random.integers(0, top, (height, width), dtype, endpoint=True)
    return np.where(random.random((height, width)) < soft, noise, values).astype(dtype)


def edge(height: int, width: int, dtype: str = "uint8") -> np.ndarray:
    """A disk with a soft edge 12 pixels wide."""
    y, x = np.mgrid[:height, :width]
    inside = 0.3 * min(height, width) - np.hypot(y - height / 2, x - width / 2)
    return np.rint(np.clip(0.5 + inside / 12, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def composite(front: Any, behind: Any, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / np.iinfo(alpha.dtype).max
    return np.rint(front * share + behind * (1 - share)).astype(alpha.dtype)


def same(image: np.ndarray, alpha: np.ndarray, radii: tuple[int, int, int]) -> None:
    """The same bits from the kernel, with one thread and with two, as from the reference."""
    expected = reference.estimate_foreground(image, alpha, radii=radii)
    for threads in (1, 2):
        result = ops.estimate_foreground(image, alpha, radii=radii, threads=threads)
        np.testing.assert_array_equal(result, expected, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_all_tiers_give_the_bits_of_the_reference(tier: str, size: tuple[int, int], channels: int, dtype: str) -> None:
    for soft in (0.0, 0.01, 0.2, 1.0):
        for radii in RADII:
            same(picture(*size, channels, dtype), matte(*size, dtype, soft), radii)


@pytest.mark.parametrize("radii", [(45, 12, 3), (90, 90, 90), (90, 0, 8), (0, 90, 0), (1, 7, 90)])
def test_wide_boxes(tier: str, radii: tuple[int, int, int]) -> None:
    for dtype in ("uint8", "uint16"):
        same(picture(19, 23, dtype=dtype), matte(19, 23, dtype), radii)
    top = np.full((19, 230), 255, np.uint8)
    top[0, 0] = 254
    same(np.repeat(top[..., None], 3, axis=2), top, radii)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_several_strips(tier: str, channels: int) -> None:
    for width in (512, 513, 1500):
        alpha = matte(3, width)
        alpha[:, 500:520] = picture(3, width, 1)[:, 500:520]  # across the border of two strips
        same(picture(3, width, channels), alpha, (9, 4, 2))


def test_edges_far_apart(tier: str) -> None:
    """Stretches of rows without work between those that have some."""
    alpha = np.where(np.arange(400)[:, None] // 100 % 2 == 0, 0, 255).astype(np.uint8).repeat(20, axis=1)
    for y in (0, 37, 38, 150, 300, 399):
        alpha[y, y % 20] = 77
    same(picture(400, 20), alpha, (5, 3, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_layouts(tier: str, channels: int, dtype: str, layout: str) -> None:
    same(LAYOUTS[layout](picture(23, 35, channels, dtype)), LAYOUTS[layout](matte(23, 35, dtype)), (5, 2, 1))


def test_the_largest_sums_fit(tier: str) -> None:
    if tier == "reference":
        pytest.skip("visits every pixel of every box")
    for dtype in ("uint8", "uint16"):
        top = np.iinfo(dtype).max
        image = np.full((400, 400, 3), top, dtype)
        alpha = np.full((400, 400), top, dtype)
        alpha[::181, ::181] = top - 1
        same(image, alpha, (90, 90, 90))
        same(image, top - alpha, (90, 90, 90))


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_opaque_pixels_stay_and_transparent_ones_are_0(module: ModuleType, dtype: str) -> None:
    top = np.iinfo(dtype).max
    for soft in (0.0, 0.3):
        image, alpha = picture(40, 30, dtype=dtype), matte(40, 30, dtype, soft)
        result = module.estimate_foreground(image, alpha, radii=(6, 3, 2))
        np.testing.assert_array_equal(result[alpha == top], image[alpha == top])
        assert (result[alpha == 0] == 0).all()


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_box_without_one_of_the_two(module: ModuleType, dtype: str) -> None:
    """No background in reach, or no foreground but the pixel itself: still a colour, never a division by zero."""
    top = np.iinfo(dtype).max
    image = picture(9, 9, dtype=dtype)
    np.testing.assert_array_equal(module.estimate_foreground(image, np.full((9, 9), top, dtype)), image)
    assert not module.estimate_foreground(image, np.zeros((9, 9), dtype)).any()
    alone = np.zeros((9, 9), dtype)
    alone[4, 4] = 1
    result = module.estimate_foreground(image, alone, radii=(0, 0, 0))
    np.testing.assert_array_equal(result[4, 4], image[4, 4])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_one_colour_before_another(dtype: str) -> None:
    """On an edge 12 pixels wide the colour is at most 1 % of the range off; the picture's is 80 %."""
    top = np.iinfo(dtype).max
    alpha = edge(160, 200, dtype)
    front, behind = np.array([0.85, 0.3, 0.1]) * top, np.array([0.05, 0.5, 0.9]) * top
    image = composite(front, behind, alpha)
    result = ops.estimate_foreground(image, alpha)
    soft = (alpha > 0) & (alpha < top)
    error = np.abs(result[soft] - front) / top
    assert error.max() <= 0.01
    assert error.mean() <= 0.003
    assert np.abs(image[soft] - front).max() >= 0.75 * top


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_same_colour_before_and_behind_stays(dtype: str) -> None:
    image = np.empty((60, 50, 3), dtype)
    image[:] = np.array([200, 17, 0]) * (np.iinfo(dtype).max // 255)
    alpha = edge(60, 50, dtype)
    result = ops.estimate_foreground(image, alpha)
    np.testing.assert_array_equal(result[alpha > 0], image[alpha > 0])


@pytest.mark.parametrize("module", [ops, reference])
def test_the_pictures_own_alpha_is_ignored(module: ModuleType) -> None:
    image, alpha = picture(20, 30, 4), matte(20, 30)
    expected = module.estimate_foreground(image[:, :, :3].copy(), alpha, radii=(5, 2, 1))
    np.testing.assert_array_equal(module.estimate_foreground(image, alpha, radii=(5, 2, 1)), expected)


@pytest.mark.parametrize("module", [ops, reference])
def test_out(module: ModuleType) -> None:
    image, alpha = picture(7, 5), matte(7, 5)
    expected = module.estimate_foreground(image, alpha)
    canvas = np.full((12, 11, 3), 9, np.uint8)
    out = canvas[2:9, 3:8]
    assert module.estimate_foreground(image, alpha, out=out) is out
    np.testing.assert_array_equal(out, expected)
    out[:] = 9
    assert (canvas == 9).all()
    frozen = np.empty_like(expected)
    frozen.flags.writeable = False
    for wrong in (frozen, expected[..., :2], expected.astype(np.uint16), np.empty((7, 5, 4), np.uint8)):
        with pytest.raises(errors.OptionError, match="out"):
            module.estimate_foreground(image, alpha, out=wrong)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.estimate_foreground(image, alpha, out=image)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.estimate_foreground(image, expected.reshape(-1)[:35].reshape(7, 5), out=expected)


GREY = np.zeros((4, 4), np.uint8)
RGB = np.zeros((4, 4, 3), np.uint8)

BAD_INPUTS = [
    ((RGB.astype(np.float32), GREY), {}, errors.ImageError),
    ((np.zeros((4, 4, 2), np.uint8), GREY), {}, errors.ImageError),
    ((np.zeros((0, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)), {}, errors.ImageError),
    ((RGB, GREY[:3]), {}, errors.ImageError),
    ((RGB, GREY.astype(np.uint16)), {}, errors.ImageError),
    ((RGB, GREY.astype(np.float32)), {}, errors.ImageError),
    ((RGB, RGB), {}, errors.ImageError),
    ((RGB, GREY), {"radii": (-1, 12, 3)}, errors.OptionError),
    ((RGB, GREY), {"radii": (45, 12, 91)}, errors.OptionError),
    ((RGB, GREY), {"threads": 0}, errors.OptionError),
]


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize(("args", "options", "error"), BAD_INPUTS)
def test_bad_input(module: ModuleType, args: tuple[Any, ...], options: dict[str, Any], error: type) -> None:
    with pytest.raises(error) as caught:
        module.estimate_foreground(*args, **options)
    assert caught.type is error
