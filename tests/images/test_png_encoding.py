"""PNG files from the core: what other decoders make of them, their size, and that threads and tiers change nothing."""

from __future__ import annotations

import io
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rmbg_fast import _core
from rmbg_fast._images import writing
from rmbg_fast.errors import ImageError, OptionError

RNG = np.random.default_rng(3)


def drawn(kind: str, height: int, width: int, channels: int, dtype: Any) -> Any:
    shape = (height, width) if channels == 1 else (height, width, channels)
    top = np.iinfo(dtype).max
    if kind == "noise":
        return RNG.integers(0, top, shape, dtype=dtype, endpoint=True)
    if kind == "slope":
        across = np.arange(height)[:, None] * 3 + np.arange(width)
        return np.broadcast_to(across if channels == 1 else across[..., None], shape).astype(dtype)
    if kind == "cut-out":
        pixels = RNG.integers(0, 9, shape).astype(dtype)
        pixels[np.hypot(*np.ogrid[-height:height:2, -width:width:2]) > min(height, width)] = 0
        return pixels
    return np.full(shape, top if kind == "white" else 7, dtype)


def text(width: int, height: int) -> Any:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for y in range(4, height, 14):
        draw.text((5, y), "the quick brown fox jumps over the lazy dog " * 3, fill=(20, 20, 20))
    return np.asarray(image)


@pytest.mark.parametrize("kind", ["noise", "slope", "cut-out", "white", "seven"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_decoders_give_the_pixels_back(kind: str, channels: int, dtype: Any, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for height, width in [(1, 1), (1, 40), (33, 7), (64, 65), (300, 700)]:
        pixels = drawn(kind, height, width, channels, dtype)
        data = writing.encode_png(pixels)
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (width, height)
            got = np.asarray(image)
            if dtype == np.uint8:
                np.testing.assert_array_equal(got, pixels)
        if channels != 2:
            got = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            order = {1: ..., 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
            np.testing.assert_array_equal(got if channels == 1 else got[..., order], pixels)
        if (height, width) == (33, 7) and (pngcheck := shutil.which("pngcheck")):
            path = tmp_path / "a.png"
            path.write_bytes(data)
            subprocess.run([pngcheck, "-q", path], check=True)


def test_neither_threads_nor_tiers_change_a_byte() -> None:
    tier = _core.active_tier()
    try:
        for pixels in (
            drawn("cut-out", 900, 1100, 4, np.uint8),
            text(1200, 900),
            drawn("slope", 500, 700, 3, np.uint16),
        ):
            files = set()
            for name, runs in _core.tiers().items():
                if runs:
                    _core.set_tier(name)
                    files |= {_core.png_encode(pixels, chunks=[], threads=threads) for threads in (1, 2, 5)}
            assert len(files) == 1
    finally:
        _core.set_tier(tier)


@pytest.mark.parametrize("name", ["text", "page", "rectangles", "circle", "icon", "mask", "white"])
def test_drawings_are_hardly_larger_than_pillow_makes_them(name: str) -> None:
    canvas = Image.new("RGB", (800, 600), "white")
    draw = ImageDraw.Draw(canvas)
    for k in range(60):
        box = (k * 37 % 700, k * 91 % 500, k * 37 % 700 + 80, k * 91 % 500 + 60)
        draw.rectangle(box, fill=(k * 40 % 256, k * 80 % 256, k * 120 % 256))
    circle = Image.new("L", (800, 600))
    ImageDraw.Draw(circle).ellipse((100, 50, 700, 550), fill=255)
    pixels = {
        "text": text(800, 600),
        "page": np.vstack([text(800, 300), np.asarray(canvas)[:300]]),
        "rectangles": np.asarray(canvas),
        "circle": np.asarray(circle),
        "icon": np.asarray(canvas.resize((32, 32))),
        "mask": np.asarray(circle.resize((400, 300), Image.Resampling.BICUBIC).resize((1600, 1200))),
        "white": np.full((600, 800, 4), 255, np.uint8),
    }[name]
    theirs = io.BytesIO()
    Image.fromarray(pixels).save(theirs, "PNG", compress_level=1)
    assert len(writing.encode_png(pixels)) <= 1.05 * len(theirs.getvalue())


def test_noise_grows_by_next_to_nothing() -> None:
    pixels = drawn("noise", 700, 900, 4, np.uint8)
    assert len(writing.encode_png(pixels)) < pixels.nbytes * 1.0005 + 700 + 100


def test_chunks_stand_before_the_image_data() -> None:
    chunks = [(b"cICP", bytes([9, 16, 0, 1])), (b"eXIf", b"MM\0*"), (b"iCCP", b"a\0\0" + zlib.compress(b"profile"))]
    data = _core.png_encode(np.zeros((2, 2), np.uint8), chunks=chunks, threads=1)
    places = [data.index(kind) for kind, _ in chunks]
    assert places == sorted(places)
    assert places[-1] < data.index(b"IDAT")
    assert all(body in data for _, body in chunks)
    for kind in (b"IDAT", b"IEND", b"abc", b"abcde", b"ab1d"):
        with pytest.raises(OptionError, match="four letters"):
            _core.png_encode(np.zeros((2, 2), np.uint8), chunks=[(kind, b"")], threads=1)


def test_what_is_no_picture() -> None:
    for pixels in (np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2), np.float32), np.zeros(4, np.uint8)):
        with pytest.raises(ImageError):
            writing.encode_png(pixels)
    with pytest.raises(OptionError, match="threads"):
        _core.png_encode(np.zeros((2, 2), np.uint8), chunks=[], threads=0)


def test_saved_pictures_come_from_the_core(tmp_path: Path) -> None:
    pixels = drawn("cut-out", 40, 50, 4, np.uint8)
    writing.save(Image.fromarray(pixels), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == writing.encode_png(pixels)
    paletted = Image.fromarray(pixels[..., :3].copy()).quantize(16)
    paletted.info["transparency"] = 3
    writing.save(paletted, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), np.asarray(paletted.convert("RGBA")))
