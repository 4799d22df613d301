"""JPEG by simplejpeg, the extra `turbo`: Pillow's pixels, and Pillow wherever they may differ."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from rmbg_fast._images import reading, turbo
from rmbg_fast.errors import ImageError
from support import icc
from support.jpeg import by_pillow, check_damaged, jpeg

pytest.importorskip("simplejpeg", reason="the extra `turbo` is not installed")
RNG = np.random.default_rng(17)


def picture(mode: str, height: int, width: int) -> Image.Image:
    small = RNG.integers(0, 256, (6, 5, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(image) + RNG.normal(0, 12, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode)


def by_turbo(data: bytes) -> Any:
    return turbo.decoded(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("quality", [10, 75, 98])
@pytest.mark.parametrize("subsampling", [0, 1, 2, "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (8, 9), (33, 47), (200, 161)])
def test_colour_is_pillows(quality: int, subsampling: Any, progressive: bool, size: tuple[int, int]) -> None:
    data = jpeg(picture("RGB", *size), quality=quality, subsampling=subsampling, progressive=progressive)
    pixels = by_turbo(data)
    assert (pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(pixels[..., :3], by_pillow(data))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (15, 8), (64, 70)])
def test_grey_is_pillows(progressive: bool, size: tuple[int, int]) -> None:
    data = jpeg(picture("L", *size), progressive=progressive)
    np.testing.assert_array_equal(by_turbo(data), by_pillow(data))


def test_rgb_without_a_colour_transform() -> None:
    data = jpeg(picture("RGB", 30, 41), keep_rgb=True)
    np.testing.assert_array_equal(by_turbo(data)[..., :3], by_pillow(data))


def test_restart_markers_and_bytes_behind_the_end() -> None:
    data = jpeg(picture("RGB", 64, 80), restart_marker_rows=1) + b"a video, maybe" * 100
    np.testing.assert_array_equal(by_turbo(data)[..., :3], by_pillow(data))


def test_a_series_of_pictures_gives_the_first() -> None:
    file = io.BytesIO()
    first, second = picture("RGB", 20, 30), picture("RGB", 25, 15)
    first.save(file, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(by_turbo(file.getvalue())[..., :3], by_pillow(file.getvalue()))


def test_profile_resolution_and_orientation_travel_as_ever() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = icc.SRGB if hasattr(icc, "SRGB") else None
    data = jpeg(picture("RGB", 20, 30), exif=exif, dpi=(300, 150), icc_profile=profile)
    source = reading.read(data)
    np.testing.assert_array_equal(source.pixels[..., :3], np.rot90(by_pillow(data), -1))
    assert source.metadata.dpi == (150, 300)


def test_cmyk_drafts_and_what_is_loaded_stay_with_pillow() -> None:
    assert by_turbo(jpeg(picture("RGB", 16, 16).convert("CMYK"))) is None
    draft = Image.open(io.BytesIO(jpeg(picture("RGB", 64, 64))))
    draft.draft(None, (32, 32))
    assert turbo.decoded(draft) is None
    loaded = Image.open(io.BytesIO(jpeg(picture("RGB", 16, 16))))
    loaded.load()
    assert turbo.decoded(loaded) is None
    assert turbo.decoded(picture("RGB", 4, 4)) is None


@pytest.mark.parametrize("left", [0.4, 0.8, 0.99])
def test_truncated_files_are_refused_as_ever(left: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture("RGB", 120, 120))
    cut = data[: int(len(data) * left)]
    assert by_turbo(cut) is None
    with pytest.raises(ImageError, match="cut short"):
        reading.read(cut)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert turbo.decoded(Image.open(io.BytesIO(data))) is None


def test_damaged_files_end_as_with_pillow() -> None:
    assert check_damaged(jpeg(picture("RGB", 90, 120)), RNG, files=300, changes=2) > 50


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture("RGB", 31, 20))
    monkeypatch.setattr(turbo, "_library", lambda: None)
    assert by_turbo(data) is None
    np.testing.assert_array_equal(reading.read(data).pixels[..., :3], by_pillow(data))
