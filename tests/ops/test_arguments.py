"""`out` takes the result, and what makes no sense is refused, by the kernels and by their reference alike."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rmbg_fast import errors, ops, reference
from support.kernel_runs import matte, picture


@pytest.mark.parametrize("module", [ops, reference])
def test_out_takes_the_result(module: ModuleType) -> None:
    image, mask = picture(7, 5), matte(4, 4)
    calls: list[Callable[..., np.ndarray]] = [
        lambda **kw: module.preprocess(image, size=(16, 16), **kw),
        lambda **kw: module.resize_mask(mask, (7, 5), **kw),
        lambda **kw: module.blend(image, image[:, :, 0], **kw),
        lambda **kw: module.cutout(image, mask, **kw),
    ]
    for call in calls:
        expected = call()
        out = np.empty_like(expected)
        assert call(out=out) is out
        np.testing.assert_array_equal(out, expected)
        frozen = np.empty_like(expected)
        frozen.flags.writeable = False
        sparse = np.empty((*expected.shape[:-1], expected.shape[-1] * 2), expected.dtype)[..., ::2]
        for wrong in (frozen, sparse, out[..., :-1], out.astype(np.float64)):
            with pytest.raises(errors.OptionError, match="out"):
                call(out=wrong)


@pytest.mark.parametrize("module", [ops, reference])
def test_out_may_be_a_crop_of_a_larger_picture(module: ModuleType) -> None:
    canvas = np.full((12, 11, 4), 9, np.uint8)
    image, mask = picture(7, 5), matte(4, 4)
    module.cutout(image, mask, out=canvas[2:9, 3:8])
    np.testing.assert_array_equal(canvas[2:9, 3:8], reference.cutout(image, mask))
    canvas[2:9, 3:8] = 9
    assert (canvas == 9).all()


@pytest.mark.parametrize("module", [ops, reference])
def test_out_that_overlaps_an_input_is_refused(module: ModuleType) -> None:
    image = picture(7, 5, 4)
    before = image.copy()
    mask = matte(7, 5)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.cutout(image, mask, out=image)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.blend(image[:, :, :3].copy(), image.reshape(-1)[:35].reshape(7, 5), out=image)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.resize_mask(mask, (7, 5), dtype="float32", out=mask)
    np.testing.assert_array_equal(image, before)


GREY = np.zeros((4, 4), np.uint8)
RGB = np.zeros((4, 4, 3), np.uint8)
RAMP = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)

BAD_INPUTS = [
    ("preprocess", (RGB.astype(np.float32),), {"size": (8, 8)}, errors.ImageError),
    ("preprocess", (np.zeros((4, 4, 2), np.uint8),), {"size": (8, 8)}, errors.ImageError),
    ("preprocess", (np.zeros(4, np.uint8),), {"size": (8, 8)}, errors.ImageError),
    ("preprocess", (np.zeros((0, 4, 3), np.uint8),), {"size": (8, 8)}, errors.ImageError),
    ("preprocess", (RGB,), {"size": (0, 8)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 16384)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "std": (1, 0, 1)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "std": (1, float("nan"), 1)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "resample": "bicubic"}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "rounding": "up"}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "dtype": "float64"}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "threads": 0}, errors.OptionError),
    ("minmax", (GREY,), {}, errors.ImageError),
    ("sigmoid", (GREY,), {}, errors.ImageError),
    ("sigmoid", (RAMP,), {"threads": 0}, errors.OptionError),
    ("sigmoid", (RAMP,), {"out": RAMP}, errors.OptionError),
    ("minmax", (np.zeros((0, 4), np.float32),), {}, errors.ImageError),
    ("resize_mask", (RAMP.astype(np.float64), (8, 8)), {}, errors.ImageError),
    ("resize_mask", (RAMP[None], (8, 8)), {}, errors.ImageError),
    ("resize_mask", (RAMP, (8, 0)), {}, errors.ImageError),
    ("resize_mask", (RAMP, (8, 1 << 21)), {}, errors.ImageTooLargeError),
    ("resize_mask", (RAMP, (8, 8)), {"resample": "lanczos"}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"rounding": "none"}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"dtype": "int8"}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (0.5, 0.5)}, errors.ModelOutputError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (float("inf"), float("-inf"))}, errors.ModelOutputError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (float("nan"), 1.0)}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (0.0, float("nan"))}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (1.0, 0.0)}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"range": (-3e38, 3e38)}, errors.ModelOutputError),
    ("blend", (RGB, GREY[:3]), {}, errors.ImageError),
    ("blend", (RGB, GREY.astype(np.uint16)), {}, errors.ImageError),
    ("blend", (RGB, RGB), {}, errors.ImageError),
    ("blend", (RGB, GREY), {"mode": "over"}, errors.OptionError),
    ("blend", (RGB, GREY), {"threshold": 0}, errors.OptionError),
    ("blend", (RGB, GREY), {"threshold": 256}, errors.OptionError),
    ("blend", (RGB, GREY), {"background": (0, 0, 256)}, errors.OptionError),
    ("blend", (RGB, GREY), {"background": (0, -1, 0)}, errors.OptionError),
    ("blend", (RGB, GREY), {"background": (0, 0, 0), "mode": "premultiplied"}, errors.OptionError),
    ("cutout", (RGB, np.full((4, 4), 0.5, np.float32)), {}, errors.ModelOutputError),
    ("cutout", (RGB, np.full((4, 4), np.nan, np.float32)), {}, errors.ModelOutputError),
    ("cutout", (RGB, GREY), {}, errors.ImageError),
    ("cutout", (RGB, RAMP), {"threads": -1}, errors.OptionError),
    ("cutout", (RGB, RAMP), {"minmax": "always"}, errors.OptionError),
    ("preprocess", (RGB.tolist(),), {"size": (8, 8)}, errors.ImageError),
    ("preprocess", (RGB,), {"size": 8}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8, 3)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8.5)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "mean": (0, 0)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "mean": (0, 0, float("inf"))}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "std": "half"}, errors.OptionError),
    ("minmax", (None,), {}, errors.ImageError),
    ("minmax", (RAMP,), {"size": (0, 4)}, errors.ImageError),
    ("minmax", (RAMP,), {"size": 4}, errors.OptionError),
    ("minmax", (RAMP,), {"resample": "lanczos"}, errors.OptionError),
    ("resize_mask", (RAMP, (8, 8)), {"range": 1.0}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 10**30)}, errors.OptionError),
    ("preprocess", (RGB,), {"size": (8, 8), "threads": 1.5}, errors.OptionError),
    ("minmax", (RAMP,), {"threads": 10**20}, errors.OptionError),
    ("cutout", (RGB, RAMP), {"minmax": True}, errors.OptionError),
    ("cutout", (RGB, RAMP), {"threshold": 1 << 40}, errors.OptionError),
    ("blend", (RGB, GREY), {"background": (1 << 40, 0, 0)}, errors.OptionError),
    ("estimate_foreground", (RGB, GREY), {"radii": (1, 2, 3.5)}, errors.OptionError),
    ("blend", (RGB, None), {}, errors.ImageError),
    ("blend", (RGB, GREY), {"background": (0, 0)}, errors.OptionError),
    ("blend", (RGB, GREY), {"background": "white"}, errors.OptionError),
]


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize(("name", "args", "option"), [("blend", (RGB, GREY), "mode"), ("minmax", (RAMP,), "resample")])
def test_a_wrong_word_is_told_with_its_option(
    module: ModuleType, name: str, args: tuple[Any, ...], option: str
) -> None:
    with pytest.raises(errors.OptionError, match=f"^{option} must be one of .*, not 'over'"):
        getattr(module, name)(*args, **{option: "over"})


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize(("name", "args", "options", "error"), BAD_INPUTS)
def test_bad_input(module: ModuleType, name: str, args: tuple[Any, ...], options: dict[str, Any], error: type) -> None:
    with pytest.raises(error) as caught:
        getattr(module, name)(*args, **options)
    assert caught.type is error
