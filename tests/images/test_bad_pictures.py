"""What is no picture, or half of one, or too large, is refused by name."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading
from rmbg_fast.errors import ImageError, ImageTooLargeError
from support.pictures import PNG, RNG, encoded


def png_that_claims(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]


NOISE = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_cut_short(format: str, share: float, tmp_path: Path) -> None:
    data = encoded(NOISE, format)
    path = tmp_path / f"cut.{format.lower()}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=r"cut\.\w+: (cannot be decoded|is no image)"):
        reading.read(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"\0", "is no image"),
        (b"just some text, renamed to .jpg", "is no image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 60, "cannot be decoded|is no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n", "EPS is not supported"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 40, "AVIF|cannot be decoded"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC|cannot be decoded"),
    ],
    ids=["empty", "one byte", "text", "svg", "jpeg head", "eps", "avif head", "heic head"],
)
def test_bad_bytes(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        reading.read(data)


@pytest.mark.parametrize("data", [b"", b"no picture at all" * 9, b"\xff\xd8\xff"], ids=["empty", "text", "3 bytes"])
def test_what_has_no_beginning_is_refused_even_where_its_end_may_be_missing(data: bytes) -> None:
    with pytest.raises(ImageError, match="the image bytes: is "):
        reading.read(data, truncated="accept")


def test_heic_without_pillow_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow-heif"):
        reading.read(b"\0\0\0\x18ftypheic" + b"\0" * 40)


@pytest.mark.parametrize("size", [(50000, 50000), (2**31 - 1, 1)])
def test_bomb(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLargeError, match="too many pixels"):
        reading.read(png_that_claims(*size))


def test_zero_width_png() -> None:
    with pytest.raises(ImageError):
        reading.read(png_that_claims(0, 10))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (30000, 2)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    assert reading.read(encoded(Image.new("RGB", size), "PNG")).pixels.shape == (size[1], size[0], 3)


def test_bad_paths(tmp_path: Path) -> None:
    file = tmp_path / "file.png"
    file.write_bytes(PNG)
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    for path, message in [
        (tmp_path / "absent.png", r"absent\.png: no such file"),
        (tmp_path, "is a folder"),
        (file / "inside.png", "cannot be opened: Not a directory"),
        (loop, "cannot be opened"),
        ("", "path is empty"),
        ("nul\0byte.png", "cannot be opened"),
        ("x" * 5000, "cannot be opened: File name too long"),
    ]:
        with pytest.raises(ImageError, match=message):
            reading.read(path)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32: convert it to uint8"),
        (np.zeros((4, 4, 3), np.float64), "float64"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((4, 4, 3), np.uint32), "uint32"),
        (np.full((4, 4), None), "object"),
        (np.full((4, 4), "x"), "convert it to uint8"),
        (np.zeros((3, 40, 50), np.uint8), "channels first.*transpose"),
        (np.zeros((1, 40, 50), np.uint8), "channels first"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((4, 4, 5), np.uint8), r"\(4, 4, 5\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "one image at a time"),
        (np.zeros((), np.uint8), r"\(\)"),
        (np.zeros(9, np.uint8), r"\(9,\)"),
        (np.zeros((0, 4, 3), np.uint8), "is empty"),
        (np.zeros((4, 0), np.uint8), "is empty"),
        (Image.new("RGB", (0, 5)), "is empty"),
        (Image.new("F", (2, 2)), "float"),
        (Image.new("I", (2, 2), 65536), "beyond 0..65535"),
        (Image.new("I", (2, 2), -1), "beyond 0..65535"),
        ([[0, 1], [2, 3]], "list is no image"),
        (None, "NoneType is no image"),
        (7, "int is no image"),
        (io.StringIO("text"), "binary mode"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_unusable_objects(image: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        reading.read(image)


def test_pil_image_whose_file_was_cut_short() -> None:
    image = Image.open(io.BytesIO(encoded(NOISE, "PNG")[:3000]))
    with pytest.raises(ImageError, match="the PIL image: cannot be decoded"):
        reading.read(image)


def test_closed_and_write_only_file_objects(tmp_path: Path) -> None:
    file = io.BytesIO(PNG)
    file.close()
    with pytest.raises(ImageError, match="closed file"):
        reading.read(file)
    with open(tmp_path / "new.png", "wb") as writer, pytest.raises(ImageError, match="not open for reading"):
        reading.read(writer)


@pytest.mark.parametrize(
    "url", ["https://example.org/cat.jpg", "s3://bucket/cat.png", "data:image/png;base64,iVBORw=="]
)
def test_urls_are_not_fetched(url: str) -> None:
    with pytest.raises(ImageError, match="is a URL, and URLs are not fetched"):
        reading.read(url)
