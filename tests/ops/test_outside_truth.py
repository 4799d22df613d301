"""The kernels against Pillow and against the formulas that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast import ops, reference
from support.kernel_runs import MASK_RESAMPLES, PILLOW, SIZES, TARGETS, matte, picture


def test_sigmoid_is_the_function_of_that_name(tier: str) -> None:
    values = np.concatenate([np.linspace(-86, 90, 200_001), [-0.0, 0.0]]).astype(np.float32)[None]
    wanted = 1 / (1 + np.exp(-values.astype(np.float64)))
    steps = np.spacing(wanted.astype(np.float32)).astype(np.float64)
    assert (np.abs(ops.sigmoid(values) - wanted) / steps).max() <= 2.5
    ends = ops.sigmoid(np.array([[np.inf, 1e30, 0, -1e30, -np.inf]], np.float32))[0]
    assert ends[:3].tolist() == [1, 1, 0.5]
    assert (ends[3:] < 1e-37).all()


@pytest.mark.parametrize(("lo", "span"), [(0, 1), (-3.7, 1e-6), (1e-30, 3e-30), (-1e38, 2e38), (0.1, 0.7), (0, 1e-43)])
def test_the_range_is_stretched_to_the_whole_scale(tier: str, lo: float, span: float) -> None:
    mask = (lo + span * np.array([[0, 0.25], [0.5, 1]])).astype(np.float32)
    for dtype, top in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        result = ops.resize_mask(mask, (2, 2), range=ops.minmax(mask), dtype=dtype, rounding="truncate")  # type: ignore[arg-type]
        assert result[0, 0] == 0
        assert result[1, 1] == top


def test_bilinear_against_its_formula(tier: str) -> None:
    image = picture(33, 17)

    def along(values: np.ndarray, out: int) -> np.ndarray:
        at = np.clip((np.arange(out) + 0.5) * len(values) / out - 0.5, 0, len(values) - 1)
        first = at.astype(int)
        second = np.minimum(first + 1, len(values) - 1)
        rest = (at - first)[:, None, None]
        return values[first] * (1 - rest) + values[second] * rest

    expected = along(along(image / 255.0, 20).swapaxes(0, 1), 37).swapaxes(0, 1) - 0.5
    result = ops.preprocess(image, size=(20, 37))
    np.testing.assert_allclose(result[0].transpose(1, 2, 0), expected, rtol=0, atol=1e-6)


def sideways_first(image: np.ndarray, target: tuple[int, int], kind: Image.Resampling) -> np.ndarray:
    """Pillow's resize in the order that all versions before 13 take; 13 goes down first where that shrinks more."""
    height, width = target
    return np.asarray(Image.fromarray(image).resize((width, image.shape[0]), kind).resize((width, height), kind))


@pytest.mark.parametrize("resample", PILLOW)
@pytest.mark.parametrize("size", [*SIZES, (301, 203)])
def test_pillow_s_resampler_bit_for_bit(tier: str, size: tuple[int, int], resample: Any) -> None:
    kind = PILLOW[resample]
    scales = {"mean": (0, 0, 0), "std": (1 / 255,) * 3}  # back to levels
    levels = picture(*size, 1)
    for target in (*TARGETS, size, (size[0], 40), (97, 260)):
        for channels in (1, 3, 4):
            image = picture(*size, channels)
            wanted = sideways_first(image if channels == 1 else image[..., :3], target, kind)
            wanted = np.dstack([wanted] * 3) if channels == 1 else wanted
            tensor = ops.preprocess(image, size=target, resample=resample, **scales)
            np.testing.assert_array_equal(np.rint(tensor[0].transpose(1, 2, 0)), wanted)
        wanted = sideways_first(levels, target, kind)
        # 255 * (v / 255) may be a bit less than v: truncated levels are made from a little more
        mask = (levels + np.float32(0.25)) / np.float32(255)
        result = ops.resize_mask(mask, target, resample=resample, rounding="truncate")
        np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("resample", MASK_RESAMPLES)
@pytest.mark.parametrize("size", [*SIZES, (40, 61)])
def test_the_range_of_a_resized_mask(tier: str, size: tuple[int, int], resample: Any) -> None:
    for seed in range(4):
        mask = matte(*size, seed)
        if seed == 1:
            mask = np.clip(np.cumsum(mask, axis=1) / 9, 0, 1)  # smooth, with plateaus
        if seed == 2:
            mask[::3, ::4] = np.nan
        if seed == 3:
            mask[1::3, ::4] = np.inf
        for target in (*TARGETS, (3 * size[0], 5 * size[1]), (7 * size[0] + 3, 2 * size[1] + 1), (1, 1)):
            found = ops.minmax(mask, size=target, resample=resample)
            whole = reference.minmax(mask, size=target, resample=resample)
            assert found == ops.minmax(mask, size=target, resample=resample, threads=2)
            assert found.finite == whole.finite
            if found.finite:  # a part of the pixels: never beyond, and short of it by float32's last bits at most
                assert whole.lo <= found.lo
                assert found.hi <= whole.hi
                np.testing.assert_allclose(found, whole, rtol=1e-6, atol=1e-6)


def test_corners_against_their_formula(tier: str) -> None:
    mask = matte(9, 5)
    rows, columns = np.linspace(0, 8, 23), np.linspace(0, 4, 31)
    across = np.array([np.interp(columns, np.arange(5), row) for row in mask.astype(float)])
    expected = np.array([np.interp(rows, np.arange(9), column) for column in across.T]).T
    result = ops.resize_mask(mask, (23, 31), resample="bilinear-corners", dtype="float32")
    np.testing.assert_allclose(result, np.clip(expected, 0, 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_triangle_against_pillow(tier: str, size: tuple[int, int], target: tuple[int, int]) -> None:
    image = picture(*size)
    expected = np.asarray(Image.fromarray(image).resize(target[::-1], Image.Resampling.BILINEAR)).astype(float)
    result = ops.preprocess(image, size=target, mean=(0, 0, 0), resample="triangle", rounding="nearest")
    assert np.abs(np.rint(result[0].transpose(1, 2, 0) * 255) - expected).max() <= 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_bicubic_mask_against_pillow(tier: str, size: tuple[int, int], target: tuple[int, int]) -> None:
    mask = np.random.default_rng(3).random(size, np.float32)
    expected = np.asarray(Image.fromarray(mask).resize(target[::-1], Image.Resampling.BICUBIC))
    result = ops.resize_mask(mask, target, resample="bicubic", dtype="float32")
    np.testing.assert_allclose(result, np.clip(expected, 0, 1), rtol=0, atol=1e-4)
