"""16-bit PNG files of every kind are read in 16 bits."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading, writing
from support.pictures import SRGB
from support.png16 import CHANNELS, noise, png
from support.png_spec import GREY, GREY_ALPHA, RGB, chunk


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (11, 13)])
@pytest.mark.parametrize("colour_type", CHANNELS)
def test_every_colour_type(colour_type: int, size: tuple[int, int], interlaced: bool) -> None:
    samples = noise(*size, CHANNELS[colour_type])
    pixels = reading.read(png(samples, colour_type, interlaced=interlaced)).pixels
    assert pixels.dtype == np.uint16
    expected = {GREY: samples[..., 0], GREY_ALPHA: samples[..., [0, 0, 0, -1]]}.get(colour_type, samples)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("colour_type", [GREY, RGB])
def test_a_transparent_colour_is_compared_in_16_bits(colour_type: int) -> None:
    key = (0x1234, 0x5678, 0x9ABC)[: CHANNELS[colour_type]]
    samples = np.array([[key, [value ^ 1 for value in key]]], np.uint16)
    transparent = chunk(b"tRNS", np.array(key, ">u2").tobytes())
    pixels = reading.read(png(samples, colour_type, before=transparent)).pixels
    np.testing.assert_array_equal(pixels[..., :3], np.broadcast_to(samples, (1, 2, 3)))
    assert pixels[..., 3].tolist() == [[0, 65535]]


def test_files_of_8_bits_stay_at_8() -> None:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        buffer = io.BytesIO()
        Image.new(mode, (3, 2)).save(buffer, "PNG")
        source = reading.read(buffer.getvalue())
        assert source.pixels.dtype == np.uint8
        assert isinstance(writing.finish(source, source.pixels), bytes)


def test_which_kinds_keep_16_bits(tmp_path: Path) -> None:
    samples = noise(4, 5, 3)
    data = png(samples, RGB)
    path = tmp_path / "deep.png"
    path.write_bytes(data)
    for deep in (data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(reading.read(deep).pixels, samples)
    for shallow in (path, str(path), io.BytesIO(data), Image.open(io.BytesIO(data))):
        source = reading.read(shallow)
        assert source.pixels.dtype == np.uint8
        np.testing.assert_allclose(source.pixels, samples / 257, atol=1.01)
        assert isinstance(writing.finish(source, source.pixels), Image.Image)
    for wanted in (path, io.BytesIO(data)):
        np.testing.assert_array_equal(reading.read(wanted, deep=True).pixels, samples)
    assert reading.read(data, deep=False).pixels.dtype == np.uint8
    image = writing.finish(reading.read(path, deep=True), samples)
    assert isinstance(image, Image.Image)
    np.testing.assert_array_equal(np.asarray(image), np.round(samples / 257))


UPRIGHT: dict[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
    8: np.rot90,
}


def turned(orientation: int, how: str) -> bytes:
    if how == "xmp":
        return chunk(
            b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='1' tiff:Orientation=\"%d\">" % orientation
        )
    exif = Image.Exif()
    exif[0x0112] = orientation
    return chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))


@pytest.mark.parametrize("how", ["before", "after", "xmp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied_once(orientation: int, how: str) -> None:
    tag = turned(orientation, how)
    for colour_type, channels in CHANNELS.items():
        samples = noise(3, 4, channels)
        data = png(samples, colour_type, **{"before" if how == "before" else "after": tag})
        source = reading.read(data)
        upright = UPRIGHT[orientation](reading.read(png(samples, colour_type)).pixels)
        np.testing.assert_array_equal(source.pixels, upright)
        assert reading.read(data, deep=False).pixels.shape == upright.shape
        again = reading.read(writing.finish(source, source.pixels))
        np.testing.assert_array_equal(again.pixels, upright)


def test_profiles() -> None:
    def profile(data: bytes) -> bytes:
        return chunk(b"iCCP", b"any name\0\0" + zlib.compress(data))

    source = reading.read(png(noise(2, 3, 3), RGB, before=profile(SRGB)))
    assert source.icc == SRGB
    result: Any = writing.finish(source, noise(2, 3, 4))
    assert Image.open(io.BytesIO(result)).info["icc_profile"] == SRGB
    assert reading.read(result).icc == SRGB
    grey = noise(2, 3, 1)
    source = reading.read(png(grey, GREY, before=profile(b"\0" * 16 + b"GRAY" + b"\0" * 200)))
    assert source.icc is None
    np.testing.assert_array_equal(source.pixels, grey[..., 0])
