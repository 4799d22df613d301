"""A picture behind the subject: kernels and references, bit for bit on every tier that runs here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rmbg_fast import errors, ops, reference
from support.kernel_runs import SIZES, matte, picture, same
from support.layouts import LAYOUTS


@pytest.mark.parametrize("threshold", [None, 128])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_blend_and_cutout(tier: str, channels: int, dtype: str, threshold: int | None) -> None:
    for size in [*SIZES, (3, 9), (3, 17), (2, 70)]:
        image, behind = picture(*size, channels, dtype), picture(*size, 3, dtype, seed=3)
        alpha = picture(*size, 1, dtype, seed=2)
        for ground in (behind, behind[::-1], np.asfortranarray(behind), LAYOUTS["crop"](behind)):
            same("blend", image, alpha, threshold=threshold, background=ground)
        for resample in ("bilinear", "bicubic", "pillow-lanczos"):
            same("cutout", image, matte(11, 6), threshold=threshold, resample=resample, background=behind)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_of_one_colour_it_is_that_colour(tier: str, dtype: str) -> None:
    image, alpha = picture(33, 17, 4, dtype), picture(33, 17, 1, dtype, seed=2)
    flat = np.full((33, 17, 3), 77 * (np.iinfo(dtype).max // 255), dtype)
    over_a_colour = ops.blend(image, alpha, background=(77, 77, 77))
    np.testing.assert_array_equal(ops.blend(image, alpha, background=flat), over_a_colour)


@pytest.mark.parametrize("layout", ["packed", "mirrored", "planes"])
def test_pictures_of_many_windows(tier: str, layout: str) -> None:
    """As in `cutout` without one: what is not packed 8-bit is brought together a quarter of a megabyte at a time."""
    image = LAYOUTS[layout](picture(431, 401, 4, "uint16")[..., :3])
    behind = picture(431, 401, 3, "uint16", seed=3)
    for resample in ("bilinear", "pillow-lanczos"):
        same("cutout", image, matte(31, 20), background=behind, resample=resample)
    same("blend", image, picture(431, 401, 1, "uint16"), background=behind)


@pytest.mark.parametrize("functions", [ops, reference])
@pytest.mark.parametrize(
    "behind",
    [
        picture(7, 6, 3),
        picture(6, 5, 3),
        picture(7, 5, 4),
        picture(7, 5, 1),
        picture(7, 5, 3, "uint16"),
        np.zeros((7, 5, 3), np.float32),
    ],
    ids=["width", "height", "four channels", "grey", "dtype", "floats"],
)
def test_of_another_shape(functions: Any, behind: np.ndarray) -> None:
    image, alpha = picture(7, 5), picture(7, 5, 1)
    with pytest.raises(errors.RmbgError):
        functions.blend(image, alpha, background=behind)
    with pytest.raises(errors.RmbgError):
        functions.cutout(image, matte(3, 3), background=behind)


@pytest.mark.parametrize("functions", [ops, reference])
def test_out_must_lie_elsewhere(functions: Any) -> None:
    image, alpha, behind = picture(7, 5), picture(7, 5, 1), picture(7, 5, 3, seed=3)
    calls: list[Callable[..., Any]] = [
        lambda out: functions.blend(image, alpha, background=behind, out=out),
        lambda out: functions.cutout(image, matte(3, 3), background=behind, out=out),
    ]
    for call in calls:
        out = np.empty_like(behind)
        assert call(out) is out
        with pytest.raises(errors.OptionError, match="overlap"):
            call(behind)
    with pytest.raises(errors.OptionError, match="exclude each other"):
        functions.blend(image, alpha, background=behind, mode="premultiplied")
