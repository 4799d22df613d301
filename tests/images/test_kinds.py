"""Every kind of picture comes in and the same kind goes out: paths, files, bytes, PIL images, arrays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from rmbg_fast._images import reading, writing
from support.pictures import PNG, RGB, RGBA, SRGB, encoded


@pytest.mark.parametrize("kind", ["str", "path", "fsbytes", "file", "pipe"])
def test_files_come_back_as_pil_images(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation("a pipe")

    class Named:
        def __fspath__(self) -> str:
            return str(path)

    given: Any = {"str": str(path), "path": path, "fsbytes": Named(), "file": io.BytesIO(PNG), "pipe": Pipe(PNG)}[kind]
    source = reading.read(given)
    np.testing.assert_array_equal(source.pixels, RGB)
    result = writing.finish(source, RGBA)
    assert isinstance(result, Image.Image)
    np.testing.assert_array_equal(np.asarray(result), RGBA)
    if kind == "file":
        assert not given.closed


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_come_back_as_png(make: Any) -> None:
    source = reading.read(make(PNG))
    np.testing.assert_array_equal(source.pixels, RGB)
    result = writing.finish(source, RGBA)
    assert isinstance(result, bytes)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), RGBA)


def test_pil_image_is_not_changed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encoded(Image.fromarray(RGB), "PNG", exif=exif, icc_profile=SRGB)))
    source = reading.read(image)
    assert source.kind == "pil"
    assert source.pixels.shape == (9, 6, 3)
    assert (image.mode, image.size, image.getexif()[0x0112]) == ("RGB", (9, 6), 6)
    np.testing.assert_array_equal(np.asarray(image), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1), (6, 9, 3), (6, 9, 4), (1, 1, 3), (1, 40000), (3, 3, 3)])
def test_arrays_pass_without_a_copy(shape: tuple[int, ...], dtype: Any) -> None:
    array = np.zeros(shape, dtype)
    source = reading.read(array)
    assert source.pixels.dtype == dtype
    assert source.pixels.shape == (shape[:2] if shape[2:] == (1,) else shape)
    assert np.shares_memory(source.pixels, array)
    assert writing.finish(source, array) is array


def test_strided_big_endian_and_subclassed_arrays() -> None:
    strided = RGB[::2, ::-1, ::-1]
    np.testing.assert_array_equal(reading.read(strided).pixels, strided)
    swapped = RGB.astype(">u2")
    assert reading.read(swapped).pixels.dtype == np.uint16
    np.testing.assert_array_equal(reading.read(swapped).pixels, RGB)
    assert type(reading.read(np.ma.masked_array(RGB)).pixels) is np.ndarray


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert reading.read(data).pixels[0, 0, :3].tolist() == [255, 0, 0]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif() -> None:
    flat = Image.new("RGB", (16, 16), (200, 100, 50))
    np.testing.assert_allclose(reading.read(encoded(flat, "AVIF")).pixels[8, 8].astype(int), (200, 100, 50), atol=4)


def test_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    try:
        pillow_heif.from_pillow(Image.new("RGB", (64, 32), (200, 100, 50))).save(buffer)
    except Exception as exc:
        pytest.skip(f"this pillow-heif cannot write: {exc}")
    openers = set(Image.OPEN)
    source = reading.read(buffer.getvalue())
    assert source.pixels.shape == (32, 64, 3)
    np.testing.assert_allclose(source.pixels[8, 8].astype(int), (200, 100, 50), atol=4)
    assert set(Image.OPEN) == openers  # the caller's Pillow is left as it was
