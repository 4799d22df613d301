"""Pictures scaled down to a longest side, as `reference.sizes` says it; JPEG decoded no larger than that takes."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import fitting, reading
from rmbg_fast.errors import OptionError
from rmbg_fast.reference import sizes

RNG = np.random.default_rng(3)


def smooth(height: int, width: int, channels: int) -> Any:
    small = RNG.integers(0, 256, (7, 9, channels), np.uint8)
    image = Image.fromarray(small if channels > 1 else small[..., 0])
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


def jpeg(pixels: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def test_fitted_sizes() -> None:
    for width, height, side in itertools.product(range(1, 40), range(1, 40), (1, 2, 7, 16, 39, 40)):
        found = fitting.fitted_size(width, height, side)
        assert found == sizes.fitted_size(width, height, side)
        assert max(found) == min(side, max(width, height))
        assert min(found) >= 1
    assert fitting.fitted_size(4000, 3000, 1024) == (1024, 768)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(33, 31), (1, 50), (64, 64), (7, 59)])
def test_the_reference_without_alpha(channels: int, dtype: Any, size: tuple[int, int]) -> None:
    pixels = RNG.integers(0, 256, (61, 70, channels), np.uint8)
    pixels = (pixels if channels > 1 else pixels[..., 0]).astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    found = fitting.resized(pixels, size)
    wanted = sizes.resized(pixels, size)
    assert found.shape == wanted.shape
    assert found.dtype == dtype
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= (0 if dtype == np.uint8 else 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_reference_with_alpha(dtype: Any) -> None:
    pixels = RNG.integers(0, 256, (40, 51, 4), np.uint8)
    pixels[:20, :, 3] = 255
    pixels[30:, :, 3] = 0
    pixels = pixels.astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    found, wanted = fitting.resized(pixels, (25, 19)).astype(int), sizes.resized(pixels, (25, 19)).astype(int)
    apart = np.abs(found - wanted)
    if dtype == np.uint8:
        assert apart.max() == 0
    else:
        assert apart[..., 3].max() <= 1
        assert (apart * (wanted[..., 3:] > 16384)).max() <= 2
    opaque = RNG.integers(0, 256, (40, 51, 4), np.uint8)
    opaque[..., 3] = 255
    small = fitting.resized(opaque, (25, 19))
    assert (small[..., 3] == 255).all()
    np.testing.assert_array_equal(small[..., :3], fitting.resized(opaque[..., :3], (25, 19)))


def test_what_fits_is_left_alone() -> None:
    array = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    assert reading.read(array, max_side=30).pixels is array
    data = jpeg(array)
    np.testing.assert_array_equal(reading.read(data, max_side=30).pixels, reading.read(data).pixels)


@pytest.mark.parametrize("kind", ["array", "view", "png", "tiff", "pil", "jpeg", "grey jpeg"])
def test_every_kind_gets_the_size(kind: str) -> None:
    pixels = smooth(61, 100, 1 if kind == "grey jpeg" else 3) // 4 + 90
    image, file = Image.fromarray(pixels), io.BytesIO()
    given: Any = {"array": pixels, "view": pixels[:, ::-1][:, ::-1], "pil": image}.get(kind)
    if given is None:
        image.save(file, kind.split()[-1].upper())
        given = file.getvalue()
    for side, size in [(50, (31, 50)), (99, (60, 99)), (10, (6, 10)), (1, (1, 1))]:
        source = reading.read(given, max_side=side)
        assert source.pixels.shape[:2] == size
        wanted = sizes.resized(pixels, (size[1], size[0]))
        found = source.pixels[..., :3] if source.pixels.ndim == 3 else source.pixels
        assert np.abs(found.astype(int) - wanted).mean() <= (4 if "jpeg" in kind else 0)
    assert pixels.shape[:2] == (61, 100)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_on_their_side(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(smooth(300, 200, 3), exif=exif)
    whole = reading.read(data).pixels[..., :3]
    source = reading.read(data, max_side=60)
    assert source.pixels.shape[:2] == ((60, 40) if orientation < 5 else (40, 60))
    wanted = sizes.resized(whole, (source.pixels.shape[1], source.pixels.shape[0]))
    assert np.abs(source.pixels[..., :3].astype(int) - wanted).mean() < 2


@pytest.mark.parametrize(
    ("side", "decoded"),
    [(399, (400, 300)), (134, (400, 300)), (132, (200, 150)), (68, (200, 150)), (64, (100, 75)), (32, (50, 38))],
)
def test_no_more_is_decoded_than_that_takes(
    side: int, decoded: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    from rmbg_fast._images import pillow_memory, turbo

    original = pillow_memory.decoded

    def watched(image: Image.Image) -> Any:
        seen.append(image.size)
        return original(image)

    monkeypatch.setattr(turbo, "decoded", lambda image: None)
    monkeypatch.setattr(pillow_memory, "decoded", watched)
    reading.read(jpeg(smooth(300, 400, 3)), max_side=side)
    assert seen == [decoded]


@pytest.mark.parametrize("side", [0, -1, 1.5, "big", True, 2**31])
def test_sides_that_are_none(side: Any) -> None:
    with pytest.raises(OptionError, match="max_side"):
        reading.read(np.zeros((4, 4, 3), np.uint8), max_side=side)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_draft_is_left_as_it_is_decoded(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(smooth(300, 400, 3), exif=exif)
    size = (300, 400) if orientation == 1 else (400, 300)
    source = reading.read(data, draft=(60, 60))
    assert source.full == size
    assert source.pixels.shape[:2] == (size[0] // 2, size[1] // 2)  # 300 / 4 would be less than 1.5 x 60
    source = reading.read(data, draft=(30, 65) if orientation == 1 else (65, 30))
    assert source.pixels.shape[:2] == (size[0] // 4, size[1] // 4)  # each side for itself, upright
    whole = reading.read(data, draft=(400, 400))
    assert whole.full is None
    assert whole.pixels.shape[:2] == size
    assert reading.read(smooth(300, 400, 3), draft=(30, 30)).full is None
    assert reading.read(data, draft=(30, 30), max_side=100).pixels.shape[0] in (75, 100)
