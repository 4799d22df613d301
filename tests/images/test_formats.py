""" "fast" and "small", raw pixels, JPEG XL, and what is said where a codec is missing."""

from __future__ import annotations

import io
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import formats, png, png_small, reading, writing
from rmbg_fast._images.metadata import Metadata
from rmbg_fast.errors import ImageError, OptionError
from support import png_spec

RNG = np.random.default_rng(23)


def smooth(height: int, width: int, channels: int, dtype: Any = np.uint8) -> Any:
    yy, xx = np.mgrid[:height, :width]
    planes = [(yy * (k + 1) + xx * 2 + RNG.integers(0, 3, yy.shape)) % 256 for k in range(channels)]
    pixels = np.stack(planes, -1).astype(dtype)
    if dtype == np.uint16:
        pixels = pixels * dtype(257) ^ RNG.integers(0, 4, pixels.shape).astype(dtype)
    return pixels if channels > 1 else pixels[..., 0]


@pytest.fixture(params=["deflate", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "deflate", None)
    else:
        pytest.importorskip("deflate")
    return str(request.param)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (90, 121)])
def test_small_pngs_have_the_same_pixels(library: str, channels: int, dtype: Any, height: int, width: int) -> None:
    pixels = smooth(height, width, channels, dtype)
    chunk = (b"pHYs", bytes(8) + b"\1")
    small = writing.encode_png(pixels, [chunk], compress="small", threads=2)
    fast = writing.encode_png(pixels, [chunk], threads=2)
    np.testing.assert_array_equal(png.decode(small).pixels, png.decode(fast).pixels)
    assert small[:33] == fast[:33]
    assert b"pHYs" in small
    assert len(small) <= 1.3 * len(fast) + 80
    if dtype == np.uint8:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(small))), pixels)


def test_small_is_smaller_than_pillows_level_6(library: str) -> None:
    pixels = smooth(200, 300, 4)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    assert len(writing.encode_png(pixels, compress="small")) <= 1.05 * len(file.getvalue())


def test_filtered_rows_are_filtered_by_the_specification() -> None:
    pixels = smooth(37, 53, 3)
    small = png_small.encode(pixels[:, ::-1], [], 3)  # any layout, any number of threads
    assert small == png_small.encode(np.ascontiguousarray(pixels[:, ::-1]), [], 1)
    rows = zlib.decompress(png_spec.chunks(small)[b"IDAT"])
    assert len(rows) == 37 * (1 + 3 * 53)
    assert set(rows[:: 1 + 3 * 53]) <= set(range(5))


def test_a_long_file_has_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_small, "_MOST_IN_A_CHUNK", 100)
    pixels = RNG.integers(0, 256, (40, 30, 3), np.uint8)
    small = writing.encode_png(pixels, compress="small")
    assert small.count(b"IDAT") > 10
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(small))), pixels)


@pytest.mark.parametrize("name", ["webp", "avif", "jxl"])
def test_small_files_of_other_formats(name: str) -> None:
    if name == "jxl":
        pytest.importorskip("pillow_jxl")
    if name == "avif" and name.upper() not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    pixels = smooth(200, 260, 4)
    pixels[pixels[..., 3] == 0] = 0
    sizes = {}
    for compress in ("fast", "small"):
        output = writing.Output(None, compress)  # type: ignore[arg-type]
        data = writing.encode(pixels, Metadata(), formats.output_format(name), output)
        sizes[compress] = len(data)
        if name != "avif":
            found = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
            np.testing.assert_array_equal(found[..., 3], pixels[..., 3])
            seen = pixels[..., 3] > 0  # what is not is black again in the next reader
            np.testing.assert_array_equal(found[seen], pixels[seen])
    assert sizes["small"] <= 1.02 * sizes["fast"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_raw_pixels(dtype: Any, channels: int, tmp_path: Path) -> None:
    pixels = smooth(12, 9, channels, dtype)
    data = writing.encode(pixels, Metadata(), formats.output_format("npy"))
    loaded = np.load(io.BytesIO(data))
    np.testing.assert_array_equal(loaded, pixels)
    assert loaded.dtype == dtype
    raw = np.frombuffer(writing.encode(pixels, Metadata(), formats.output_format("rgba")), np.uint8)
    rgba = raw.reshape(12, 9, 4)
    narrow = pixels if dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)
    colour = narrow if channels > 1 else np.dstack([narrow] * 3)
    np.testing.assert_array_equal(rgba[..., :3], colour[..., :3])
    np.testing.assert_array_equal(rgba[..., 3], colour[..., 3] if channels == 4 else 255)


def test_results_are_saved_raw_by_their_suffix(tmp_path: Path) -> None:
    pixels = smooth(12, 9, 4)
    image = Image.fromarray(pixels)
    writing.save(image, tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), pixels)
    writing.save(image, tmp_path / "out.rgba")
    assert (tmp_path / "out.rgba").read_bytes() == pixels.tobytes()
    writing.save(Image.fromarray(pixels[..., 0]), tmp_path / "mask.rgba")
    assert (tmp_path / "mask.rgba").stat().st_size == 12 * 9 * 4
    writing.save(image, tmp_path / "small.png", compress="small")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "small.png")), pixels)


def test_other_words_for_compress_are_refused() -> None:
    with pytest.raises(OptionError, match="compress must be 'fast' or 'small'"):
        writing.Output(None, "best")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="choose from png"):
        writing.Output("gif")


@pytest.mark.parametrize(
    ("name", "package"), [("avif", "Pillow 11.3"), ("jxl", "pip install pillow-jxl-plugin"), ("webp", "WebP")]
)
def test_a_missing_codec_says_what_brings_it(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "SAVE", {key: save for key, save in Image.SAVE.items() if key != name.upper()})
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    with pytest.raises(OptionError, match=package):
        formats.output_format(name)


def test_jpeg_xl_in() -> None:
    pytest.importorskip("pillow_jxl")
    pixels = smooth(30, 20, 4)
    data = writing.encode(pixels, Metadata(), formats.output_format("jxl"))
    np.testing.assert_array_equal(reading.read(data).pixels, pixels)


@pytest.mark.parametrize("head", [b"\xff\x0a\0\0", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_jpeg_xl_without_its_package(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "JXL"])
    with pytest.raises(ImageError, match="JPEG XL, which needs one more package: pip install pillow-jxl-plugin"):
        reading.read(head + bytes(40))
