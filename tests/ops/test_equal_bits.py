"""The kernels against their reference, bit for bit and on every tier that runs here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rmbg_fast import ops, reference
from support.kernel_runs import MASK_RESAMPLES, PILLOW, SIZES, TARGETS, matte, picture, same
from support.layouts import LAYOUTS
from support.parallel import in_threads


@pytest.mark.parametrize("rounding", ["none", "truncate", "nearest"])
@pytest.mark.parametrize("resample", ["bilinear", "bilinear-topleft", "triangle", *PILLOW])
@pytest.mark.parametrize("size", SIZES)
def test_preprocess(tier: str, size: tuple[int, int], resample: Any, rounding: Any) -> None:
    for channels in (1, 3, 4):
        for target in TARGETS:
            for bgr, dtype in ((False, "float32"), (True, "float16")):
                options = {"resample": resample, "rounding": rounding, "bgr": bgr, "dtype": dtype}
                mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
                same("preprocess", picture(*size, channels), size=target, mean=mean, std=std, **options)


@pytest.mark.parametrize("resample", ["bilinear", "triangle", "pillow-lanczos"])
def test_division_by_the_largest_value(tier: str, resample: Any) -> None:
    dark = picture(33, 17) // 3
    same("preprocess", dark, size=(20, 37), resample=resample, divide_by_max=True)
    assert ops.preprocess(dark, size=(20, 37), mean=(0, 0, 0), resample=resample, divide_by_max=True).max() == 1
    assert (ops.preprocess(dark * 0, size=(20, 37), mean=(0, 0, 0), divide_by_max=True) == 0).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_layouts(tier: str, channels: int, dtype: str, layout: str) -> None:
    image = LAYOUTS[layout](picture(23, 35, channels, dtype))
    mask = LAYOUTS[layout](matte(23, 35))
    alpha = LAYOUTS[layout](picture(23, 35, 1, dtype, seed=2))
    same("preprocess", image, size=(20, 37))
    same("preprocess", image, size=(20, 37), resample="triangle")
    same("preprocess", image, size=(20, 37), resample="pillow-lanczos")
    same("resize_mask", mask, (31, 18))
    same("resize_mask", mask, (31, 18), resample="pillow-bicubic")
    same("blend", image, alpha)
    same("cutout", image, mask)


@pytest.mark.parametrize("layout", ["packed", "mirrored", "channels in reverse", "planes"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pictures_of_many_windows(tier: str, dtype: str, layout: str) -> None:
    """What is not packed 8-bit is brought together a quarter of a megabyte at a time."""
    image = LAYOUTS[layout](picture(431, 401, 4, dtype)[..., :3])
    for resample in ("bilinear", "triangle", "pillow-lanczos"):
        same("preprocess", image, size=(150, 64), resample=resample, rounding="nearest")
    same("cutout", image, matte(31, 20))
    same("blend", image, picture(431, 401, 1, dtype), mode="premultiplied")


@pytest.mark.parametrize("rounding", ["truncate", "nearest"])
@pytest.mark.parametrize("resample", MASK_RESAMPLES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", SIZES)
def test_resize_mask(tier: str, size: tuple[int, int], dtype: Any, resample: Any, rounding: Any) -> None:
    mask = matte(*size)
    broken = mask.copy()
    broken[::4, ::3] = np.nan
    broken[::5, 1::7] = np.inf
    for values in (mask, broken):
        for target in TARGETS:
            for span in (None, (-0.25, 1.5)):
                same("resize_mask", values, target, range=span, resample=resample, rounding=rounding, dtype=dtype)


@pytest.mark.parametrize("options", [{}, {"mode": "premultiplied"}, {"background": (255, 128, 1)}])
@pytest.mark.parametrize("threshold", [None, 1, 128, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_blend_and_cutout(tier: str, channels: int, dtype: str, threshold: int | None, options: dict[str, Any]) -> None:
    for size in SIZES:
        image = picture(*size, channels, dtype)
        same("blend", image, picture(*size, 1, dtype, seed=2), threshold=threshold, **options)
        same("cutout", image, matte(11, 6), threshold=threshold, **options)
        same("cutout", image, matte(11, 6), threshold=threshold, minmax="none", resample="bicubic", **options)
        if size != (1, 1):  # one pixel alone has no range
            same("cutout", image, matte(11, 6), threshold=threshold, minmax="after", **options)
        same("cutout", image, matte(11, 6), threshold=threshold, resample="pillow-lanczos", **options)


@pytest.mark.parametrize("size", [*SIZES, (1, 31), (1, 32), (1, 33), (5, 13)])
def test_minmax(tier: str, size: tuple[int, int]) -> None:
    mask = matte(*size)
    assert ops.minmax(mask) == reference.minmax(mask) == (mask.min(), mask.max())
    for at in range(min(mask.size, 70)):
        mask.flat[at] = (np.nan, np.inf, -np.inf)[at % 3]
        assert ops.minmax(mask, threads=2) == reference.minmax(mask)
    mask[:] = np.nan
    assert ops.minmax(mask) == (np.inf, -np.inf)
    assert not ops.minmax(mask).finite


@pytest.mark.parametrize("size", [*SIZES, (1, 31), (1, 32), (1, 33), (2, 300), (70, 513)])
def test_sigmoid(tier: str, size: tuple[int, int]) -> None:
    same("sigmoid", 30 * matte(*size))
    odd = matte(*size)
    odd.flat[: odd.size // 2] = np.resize(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 1e-41, 87.0, -88.0], odd.size // 2
    )
    same("sigmoid", odd)


def test_sigmoid_leaves_alone_what_is_not_its_own(tier: str) -> None:
    for count in (1, 7, 31, 255, 256, 257, 600):
        memory = np.full(count + 64, 7, np.float32)
        ops.sigmoid(matte(1, count), out=memory[32:-32].reshape(1, count))
        assert (memory[:32] == 7).all()
        assert (memory[-32:] == 7).all()
        assert (memory[32:-32] < 1.0001).all()


def test_tables_that_are_kept_serve_their_own_sizes_only() -> None:
    """More sizes than are kept, by two threads at once and in two rounds: each still gets its own."""
    mask = matte(9, 7)
    sizes = [(3 + n % 13, 5 + n) for n in range(45)]
    kinds = [*MASK_RESAMPLES, "pillow-bicubic"]
    wanted = {size: reference.resize_mask(mask, size, resample=kinds[i % len(kinds)]) for i, size in enumerate(sizes)}

    def work(_: int) -> None:
        for _ in range(2):
            for i, size in enumerate(sizes):
                result = ops.resize_mask(mask, size, resample=kinds[i % len(kinds)])
                np.testing.assert_array_equal(result, wanted[size])

    in_threads(2, work)


def test_mask_at_an_odd_address_is_no_other_mask() -> None:
    mask = np.random.default_rng(3).random((37, 53), dtype=np.float32)
    odd = np.frombuffer(b"\0" + mask.tobytes(), np.float32, offset=1).reshape(mask.shape)
    assert not odd.flags.aligned
    assert ops.minmax(odd) == ops.minmax(mask)
    for resample in ("bilinear", "bicubic", "pillow-lanczos"):
        same = ops.resize_mask(mask, (90, 70), resample=resample)
        assert np.array_equal(ops.resize_mask(odd, (90, 70), resample=resample), same)
