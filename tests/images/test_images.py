"""images.py and the writing half of files.py: every kind and mode in, the same kind out, and bad input by name."""

from __future__ import annotations

import errno
import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from rmbg_fast._images import colours, formats, reading, writing
from rmbg_fast._storage import writing as storage
from rmbg_fast.errors import ImageError, ImageTooLargeError, OptionError, OutputError
from support import icc

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (6, 9, 4), dtype=np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def load(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


PNG = encoded(Image.fromarray(RGB), "PNG")


# --- kinds


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


# --- modes

GREY16 = np.array([[0, 127, 128, 129, 32768, 65535]], np.uint16)
GREY8 = np.array([[0, 0, 0, 1, 128, 255]], np.uint8)  # rounded, neither clipped nor cut


def palette(**info: Any) -> Image.Image:
    image = Image.new("P", (1, 1), 1)
    image.putpalette([9, 9, 9, 10, 20, 30])
    image.info.update(info)
    return image


def pixel(mode: str, value: Any, **info: Any) -> Image.Image:
    image = Image.new(mode, (1, 1), value)
    image.info.update(info)
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (pixel("1", 1), 255),
        (pixel("L", 77), 77),
        (pixel("L", 77, transparency=77), (77, 77, 77, 0)),
        (pixel("L", 77, transparency=78), (77, 77, 77, 255)),
        (pixel("LA", (77, 5)), (77, 77, 77, 5)),
        (pixel("La", (100, 128)), (199, 199, 199, 128)),
        (palette(), (10, 20, 30)),
        (palette(transparency=1), (10, 20, 30, 0)),
        (palette(transparency=0), (10, 20, 30, 255)),
        (palette(transparency=bytes([255, 66])), (10, 20, 30, 66)),
        (palette().convert("PA"), (10, 20, 30, 255)),
        (pixel("RGB", (1, 2, 3)), (1, 2, 3)),
        (pixel("RGB", (1, 2, 3), transparency=(1, 2, 3)), (1, 2, 3, 0)),
        (pixel("RGBA", (1, 2, 3, 4)), (1, 2, 3, 4)),
        (pixel("RGBa", (50, 25, 0, 128)), (99, 49, 0, 128)),
        (pixel("RGBX", (1, 2, 3, 4)), (1, 2, 3)),
        (pixel("CMYK", (255, 0, 0, 0)), (0, 255, 255)),
        (pixel("YCbCr", (128, 128, 128)), (128, 128, 128)),
        (pixel("HSV", (0, 0, 200)), (200, 200, 200)),
        (pixel("LAB", (255, 128, 128)), (255, 255, 255)),
        (pixel("I", 65535), 255),
        (pixel("I", 200), 200),
        (pixel("L", 77).convert("I"), 77),
        (pixel("I", 256), 1),
        (pixel("I;16", 32768), 128),
        (pixel("I;16", 32768, transparency=32768), (128, 128, 128, 0)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_modes(image: Image.Image, expected: Any) -> None:
    mode = image.mode
    pixels = reading.read(image).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, 1, *np.shape(expected))
    np.testing.assert_allclose(pixels[0, 0].astype(int), expected, atol=1)
    assert image.mode == mode


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I"])
def test_16_bit_grey_is_scaled(mode: str) -> None:
    if mode == "I":
        image = Image.fromarray(GREY16.astype(np.int32))
    else:
        data = GREY16.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
        image = Image.frombytes(mode, (6, 1), data)
    np.testing.assert_array_equal(reading.read(image).pixels, GREY8)


def test_16_bit_png_file() -> None:
    data = encoded(Image.fromarray(GREY16), "PNG")
    np.testing.assert_array_equal(reading.read(io.BytesIO(data)).pixels, GREY8)
    np.testing.assert_array_equal(reading.read(data).pixels, GREY16)


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


# --- orientation

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(orientation: int, format: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    data = encoded(Image.fromarray(RGB), format, exif=exif, **options)
    path = tmp_path / "photo"
    path.write_bytes(data)
    expected = UPRIGHT[orientation](RGB)
    for image in (data, path, io.BytesIO(data), load(path)):
        source = reading.read(image)
        np.testing.assert_array_equal(source.pixels, expected)
        result = writing.finish(source, source.pixels)
        again = reading.read(result)
        np.testing.assert_array_equal(again.pixels, expected)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_damaged_exif_is_ignored(exif: bytes) -> None:
    assert reading.read(encoded(Image.fromarray(RGB), "JPEG", exif=exif)).pixels.shape == RGB.shape


# --- ICC


@pytest.mark.parametrize("kind", ["path", "pil", "bytes"])
def test_icc_profile_is_carried(kind: str, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(RGB), "PNG", icc_profile=SRGB)
    path = tmp_path / "in.png"
    path.write_bytes(data)
    given: Any = {"path": path, "pil": load(path), "bytes": data}[kind]
    source = reading.read(given)
    assert source.icc == SRGB
    result = writing.finish(source, RGBA)
    image = Image.open(io.BytesIO(result)) if isinstance(result, bytes) else result
    assert isinstance(image, Image.Image)
    assert image.info["icc_profile"] == SRGB
    writing.save(image, tmp_path / "out.tif")
    assert load(tmp_path / "out.tif").info["icc_profile"] == SRGB


def test_grey_goes_through_its_profile() -> None:
    source = reading.read(encoded(Image.new("L", (2, 2), 55), "PNG", icc_profile=icc.LINEAR_GREY))
    assert source.icc is None
    np.testing.assert_allclose(source.pixels[0, 0].astype(int), (128, 128, 128), atol=1)  # linear .2157 is sRGB .502


def test_cmyk_goes_through_its_profile() -> None:
    # A press whose cyan ink is red: Lab (53, 80, 67); no ink is white, every other overprint black.
    corners = np.zeros((2, 2, 2, 2, 3), np.uint8)
    corners[...] = (0, 128, 128)
    corners[0, 0, 0, 0] = (255, 128, 128)
    corners[1, 0, 0, 0] = (135, 208, 195)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + corners.tobytes() + ramp * 3
    profile = icc.profile(b"CMYK", b"Lab ", {b"wtpt": icc.WHITE, b"A2B0": lut}, b"prtr")
    source = reading.read(encoded(Image.new("CMYK", (2, 2), (255, 0, 0, 0)), "TIFF", icc_profile=profile))
    assert source.icc is None
    red, green, blue = source.pixels[0, 0].tolist()
    assert red > 240
    assert max(green, blue) < 30


@pytest.mark.parametrize("profile", [b"short", b"\0" * 16 + b"CMYK" + b"\0" * 200, b"\0" * 16 + b"GRAY" + b"\0" * 200])
@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_unusable_profiles_are_dropped(mode: str, profile: bytes) -> None:
    image = pixel(mode, 0, icc_profile=profile)
    source = reading.read(image)
    assert source.icc is None
    assert source.pixels.flat[0] == (255 if mode == "CMYK" else 0)


# --- bad input


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


# --- colours


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("white", (255, 255, 255)),
        (" Red ", (255, 0, 0)),
        ("#fc0", (255, 204, 0)),
        ("#ffcc01", (255, 204, 1)),
        ("ffcc01", (255, 204, 1)),
        ("#ffcc01ff", (255, 204, 1)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ((1, 2, 3), (1, 2, 3)),
        (np.array([1, 2, 3]), (1, 2, 3)),
    ],
)
def test_colour(value: Any, expected: tuple[int, int, int]) -> None:
    assert colours.parse_colour(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "whitish",
        "#ff",
        "#ffcc0180",
        "rgb(1,2)",
        (1, 2),
        (1, 2, 3, 4),
        (1, 2, 256),
        (-1, 2, 3),
        (0.5, 0, 0),
        7,
        None,
    ],
)
def test_bad_colour(value: Any) -> None:
    with pytest.raises(OptionError, match="is no opaque colour"):
        colours.parse_colour(value)


# --- saving

CUTOUT = Image.fromarray(RGBA)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".webp", ".tif", ".tiff"])
def test_cutouts_are_saved_without_loss(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    writing.save(CUTOUT, target)
    saved = np.asarray(load(target))
    np.testing.assert_array_equal(saved[..., 3], RGBA[..., 3])
    visible = RGBA[..., 3] > 0
    np.testing.assert_array_equal(saved[visible], RGBA[visible])


@pytest.mark.parametrize("format", formats.FORMATS)
def test_opaque_results_are_saved_in_every_format(format: str, tmp_path: Path) -> None:
    if format == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    target = tmp_path / "out"
    writing.save(Image.new("RGB", (40, 30), (200, 100, 50)), target, format=format)
    saved = load(target)
    assert saved.format == format.upper()
    np.testing.assert_allclose(np.asarray(saved)[9, 9].astype(int), (200, 100, 50), atol=4)


def test_save_to_a_file_object() -> None:
    buffer = io.BytesIO()
    writing.save(CUTOUT, buffer)
    np.testing.assert_array_equal(np.asarray(Image.open(buffer)), RGBA)
    with pytest.raises(OutputError, match="file object"):
        writing.save(CUTOUT, io.BufferedReader(io.BytesIO()))  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("out.jpg", None, "JPEG holds no transparency"),
        ("out.bmp", None, "BMP holds no transparency"),
        ("out.png", "jpg", "JPEG holds no transparency"),
        ("out", None, "suffix of .*out.* choose from png"),
        ("out.xyz", None, "suffix"),
        ("out.png", "gif", "format 'gif'"),
    ],
)
def test_unusable_formats(name: str, format: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        writing.save(CUTOUT, tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())


def test_too_large_for_the_format(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="30000 x 2 pixels cannot be written as webp"):
        writing.save(Image.new("RGBA", (30000, 2)), tmp_path / "wide.webp")
    assert not list(tmp_path.iterdir())


class FullDisk(io.FileIO):
    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("old", [None, b"an older result"])
def test_full_disk_leaves_the_old_file_and_no_other(
    old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.png"
    if old is not None:
        target.write_bytes(old)
    monkeypatch.setattr(storage, "open", FullDisk, raising=False)
    with pytest.raises(OutputError, match=r"out\.png: cannot be written: No space left"):
        writing.save(CUTOUT, target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {"out.png": old})


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_failure_at_the_last_step(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    monkeypatch.setattr(storage.os, step, fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        writing.save(CUTOUT, target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.png": b"old"}


def test_unwritable_targets(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for target, message in [
        (tmp_path / "absent" / "out.png", "there is no folder"),
        (tmp_path, "Is a directory"),
        (file / "out.png", "Not a directory"),
        (tmp_path / ("x" * 300 + ".png"), "File name too long"),
        ("nul\0byte.png", "null"),
    ]:
        with pytest.raises(OutputError, match=message):
            writing.save(CUTOUT, target, format="png")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anything")
def test_write_protected_target(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    target.chmod(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        writing.save(CUTOUT, target)
    assert target.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
def test_devices_are_written_not_replaced() -> None:
    with pytest.raises(OutputError, match="No space left"):
        writing.save(CUTOUT, "/dev/full", format="png")
    writing.save(CUTOUT, os.devnull, format="png")
    assert Path("/dev/full").is_char_device()
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes and links")
def test_modes_and_links_of_the_target(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        writing.save(CUTOUT, tmp_path / "new.png")
    finally:
        os.umask(old)
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new.png").chmod(0o600)
    (tmp_path / "link.png").symlink_to("new.png")
    writing.save(Image.new("RGB", (2, 2)), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o600
    assert load(tmp_path / "new.png").size == (2, 2)
