"""The kernels against their reference, bit for bit and on every tier that runs here, and against outside truth."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast import errors, ops, reference
from support.layouts import LAYOUTS
from support.parallel import in_threads

SIZES = [(1, 1), (1, 9), (13, 1), (7, 5), (33, 17), (64, 100)]
TARGETS = [(16, 16), (20, 37), (64, 48), (1, 3)]
PILLOW = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
}
MASK_RESAMPLES = ["bilinear", "bilinear-topleft", "bilinear-corners", "bicubic", "nearest", *PILLOW]


def picture(height: int, width: int, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    top = np.iinfo(dtype).max
    values = np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)
    values[::3] = np.where(values[::3] > top // 2, top, 0)  # the extremes, fully transparent pixels among them
    return values


def matte(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 0.6, (height, width)).astype(np.float32)


def same(name: str, *args: Any, **options: Any) -> None:
    """The same bits from the kernels, with one thread and with two, as from the reference."""
    expected = getattr(reference, name)(*args, **options)
    for threads in (1, 2):
        result = getattr(ops, name)(*args, threads=threads, **options)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected, strict=True)


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


def test_sigmoid_is_the_function_of_that_name(tier: str) -> None:
    values = np.concatenate([np.linspace(-86, 90, 200_001), [-0.0, 0.0]]).astype(np.float32)[None]
    wanted = 1 / (1 + np.exp(-values.astype(np.float64)))
    steps = np.spacing(wanted.astype(np.float32)).astype(np.float64)
    assert (np.abs(ops.sigmoid(values) - wanted) / steps).max() <= 2.5
    ends = ops.sigmoid(np.array([[np.inf, 1e30, 0, -1e30, -np.inf]], np.float32))[0]
    assert ends[:3].tolist() == [1, 1, 0.5]
    assert (ends[3:] < 1e-37).all()


def test_sigmoid_leaves_alone_what_is_not_its_own(tier: str) -> None:
    for count in (1, 7, 31, 255, 256, 257, 600):
        memory = np.full(count + 64, 7, np.float32)
        ops.sigmoid(matte(1, count), out=memory[32:-32].reshape(1, count))
        assert (memory[:32] == 7).all()
        assert (memory[-32:] == 7).all()
        assert (memory[32:-32] < 1.0001).all()


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


def test_mask_at_an_odd_address_is_no_other_mask() -> None:
    mask = np.random.default_rng(3).random((37, 53), dtype=np.float32)
    odd = np.frombuffer(b"\0" + mask.tobytes(), np.float32, offset=1).reshape(mask.shape)
    assert not odd.flags.aligned
    assert ops.minmax(odd) == ops.minmax(mask)
    for resample in ("bilinear", "bicubic", "pillow-lanczos"):
        same = ops.resize_mask(mask, (90, 70), resample=resample)
        assert np.array_equal(ops.resize_mask(odd, (90, 70), resample=resample), same)
