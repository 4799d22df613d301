"""The helper that other tests trust: checked where a second source, or a result by hand, exists."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from support import official  # noqa: E402


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(3, 250, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(100, 80), (400, 500), (321, 319), (31, 700), (1, 9)])
def test_skimage_resize(size: tuple[int, int]) -> None:
    """A newer scikit-image, told to leave out the antialiasing, gives what version 0.14.0 gives by default."""
    transform = pytest.importorskip("skimage.transform")
    image = photo(*size)
    expected = transform.resize(image, (320, 320), order=1, mode="constant", anti_aliasing=False)
    np.testing.assert_allclose(
        official.skimage_resize(image, (320, 320), antialias=False), expected, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("name", official.RECIPES)
def test_photo_of_the_network_s_size(name: str) -> None:
    """Nothing is resized, so each recipe is its normalisation alone, and its mask the plane in 255 steps."""
    recipe = official.RECIPES[name]
    image = photo(24, 32)
    image[0, 0] = 255
    mean, std = {
        "rmbg-1.4": (official.HALF, official.ONE),
        "rmbg-1.4-pipeline": (official.HALF, official.ONE),
        "isnet": (official.HALF, official.ONE),
        "browser-guide": (official.HALF, official.HALF),
        "rust": (official.HALF, official.HALF),
        "rembg/isnet": (official.HALF, official.ONE),
        "rembg-2.0.63": (official.MEAN, official.ONE),
    }.get(name, (official.MEAN, official.STD))
    expected = ((image / 255.0 - mean) / std).transpose(2, 0, 1)[None]
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        tensor = recipe.prepare(image, (24, 32), dtype)
        assert tensor.dtype == dtype
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=0, atol=tolerance)

    levels = np.arange(24 * 32).reshape(24, 32) % 256
    alpha = (levels + 0.25) / 255.25  # its extremes are 0.25 / 255.25 and 255.25 / 255.25
    plane = np.log(alpha / np.maximum(1 - alpha, 1e-9)) if recipe.logits else alpha
    mask = recipe.finish(plane.astype(np.float32), (24, 32), torch.float64)
    assert mask.dtype == np.uint8
    assert np.abs(mask - levels.astype(float)).max() <= 1


def test_masks_are_cut_and_not_rounded() -> None:
    """ToPILImage, astype(uint8) and Pillow's F to L drop the fraction; the guide alone rounds."""
    plane = np.array([[0.0, 0.999 / 255, 254.999 / 255, 1.0]], np.float32)
    for name in ("rmbg-1.4", "rmbg-2.0", "u2net", "rembg", "rust"):
        assert official.RECIPES[name].finish(plane, (1, 4)).tolist() == [[0, 0, 254, 255]], name
    assert official.RECIPES["browser-guide"].finish(plane, (1, 4)).tolist() == [[0, 1, 255, 255]]
    as_float = Image.fromarray(plane * 255).convert("RGB")
    np.testing.assert_array_equal(np.asarray(as_float)[:, :, 0], [[0, 0, 254, 255]])


def test_rembg_cutout_is_premultiplied() -> None:
    result = official.rembg_cutout(np.full((1, 3, 3), 200, np.uint8), np.array([[0, 128, 255]], np.uint8))
    assert result.tolist() == [[[0, 0, 0, 0], [100, 100, 100, 128], [200, 200, 200, 255]]]
