"""16-bit PNG: the core's unfiltering against a plain twin, the decoder on files of every kind, the encoder."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from rmbg_fast import Session, _core
from rmbg_fast._images import formats, reading, writing
from rmbg_fast._images.metadata import Metadata
from rmbg_fast.errors import ImageError, ImageTooLargeError, OptionError

RNG = np.random.default_rng(16)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
CHANNELS = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int) -> Any:
    return RNG.integers(0, 65536, shape, dtype=np.uint16)


# --- the specification, byte by byte


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))  # the first of equals, as it is to be
    return (0, left, up, (left + up) // 2)[kind]


def each_byte(plain: Any, pixel_bytes: int) -> Any:
    """Yield y, x, left, up, corner of `plain`, whose bytes may be filled in as this goes on."""
    for y, x in np.ndindex(plain.shape):
        up = int(plain[y - 1, x]) if y else 0
        left = int(plain[y, x - pixel_bytes]) if x >= pixel_bytes else 0
        corner = int(plain[y - 1, x - pixel_bytes]) if y and x >= pixel_bytes else 0
        yield y, x, left, up, corner


def unfiltered(rows: Any, pixel_bytes: int) -> Any:
    plain = np.zeros((rows.shape[0], rows.shape[1] - 1), np.uint8)
    for y, x, *neighbours in each_byte(plain, pixel_bytes):
        plain[y, x] = (int(rows[y, 1 + x]) + predicted(rows[y, 0], *neighbours)) % 256
    return plain


def filtered(samples: Any) -> bytes:
    """Image data of (H, W, channels), the filter types taking turns."""
    height, width, channels = samples.shape
    plain = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, width * channels * 2)
    rows = np.zeros((height, 1 + plain.shape[1]), np.uint8)
    rows[:, 0] = (np.arange(height) + 4) % 5
    for y, x, *neighbours in each_byte(plain, channels * 2):
        rows[y, 1 + x] = (int(plain[y, x]) - predicted(rows[y, 0], *neighbours)) % 256
    return rows.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, colour_type: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, interlaced))


def png(samples: Any, colour_type: int, *, interlaced: bool = False, before: bytes = b"", after: bytes = b"") -> bytes:
    """A file of (H, W, channels), its image data in chunks of 50 bytes, with other chunks before and after these."""
    data = filtered(samples)
    if interlaced:
        passes = [samples[top::down, left::right] for top, left, down, right in ADAM7]
        data = b"".join(filtered(part) for part in passes if part.size)
    deflated = zlib.compress(data)
    body = b"".join(chunk(b"IDAT", deflated[at : at + 50]) for at in range(0, len(deflated), 50))
    head = SIGNATURE + header(samples.shape[1], samples.shape[0], colour_type, interlaced)
    return head + before + body + after + chunk(b"IEND", b"")


# --- the core


@pytest.mark.parametrize("pixel_bytes", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (23, 17)])
def test_unfiltering_equals_the_plain_twin(size: tuple[int, int], pixel_bytes: int) -> None:
    for _ in range(3):
        rows = RNG.integers(0, 256, (size[0], 1 + size[1] * pixel_bytes), dtype=np.uint8)
        rows[:, 0] = RNG.integers(0, 5, size[0])
        plain = np.empty((size[0], size[1] * pixel_bytes), np.uint8)
        assert _core.png_unfilter(rows, pixel_bytes, plain) == size[0]
        np.testing.assert_array_equal(plain, unfiltered(rows, pixel_bytes))


@pytest.mark.parametrize("kind", range(5))
def test_extreme_bytes(kind: int) -> None:
    rows = RNG.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), (40, 1 + 6 * 40))
    rows[:, 0] = kind
    plain = np.empty((40, 6 * 40), np.uint8)
    assert _core.png_unfilter(rows, 6, plain) == 40
    np.testing.assert_array_equal(plain, unfiltered(rows, 6))


@pytest.mark.parametrize(("row", "kind"), [(0, 5), (3, 255)])
def test_unfiltering_stops_at_an_unknown_type(row: int, kind: int) -> None:
    rows = np.zeros((5, 13), np.uint8)
    rows[row, 0] = kind
    plain = np.full((5, 12), 7, np.uint8)
    assert _core.png_unfilter(rows, 6, plain) == row
    assert (plain[:row] == 0).all()
    assert (plain[row:] == 7).all()


@pytest.mark.parametrize(
    ("rows", "pixel_bytes", "out", "error"),
    [
        (np.zeros((2, 13), np.uint8), 5, np.zeros((2, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 0, np.zeros((2, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 8, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros((2, 0), np.uint8), 2, np.zeros((2, 0), np.uint8), ImageError),
        (np.zeros((2, 13), np.uint16), 6, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros(13, np.uint8), 6, np.zeros((1, 12), np.uint8), ImageError),
        (np.zeros((2, 26), np.uint8)[:, ::2], 6, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 11), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((1, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 12), np.int8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 13), np.uint8)[:, 1:], OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.frombuffer(bytes(24), np.uint8).reshape(2, 12), OptionError),
    ],
)
def test_unfiltering_checks_its_arrays(rows: Any, pixel_bytes: int, out: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _core.png_unfilter(rows, pixel_bytes, out)


def test_unfiltering_in_place_is_refused() -> None:
    memory = np.zeros(26, np.uint8)
    with pytest.raises(OptionError, match="overlaps"):
        _core.png_unfilter(memory.reshape(2, 13), 6, memory[:24].reshape(2, 12))


# --- reading


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


# --- damaged files

SMALL = noise(3, 4, 3)
FILE = png(SMALL, RGB, before=chunk(b"tEXt", b"Comment\0none"))
IMAGE_DATA = filtered(SMALL)
HEAD = SIGNATURE + header(4, 3, RGB)


def with_data(data: bytes, head: bytes = HEAD) -> bytes:
    return head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_cut_short_anywhere() -> None:
    end = len(FILE) - len(chunk(b"IEND", b""))  # without IEND nothing is missing
    for length in range(end):
        with pytest.raises(ImageError, match=r"the image bytes: (cannot be decoded|is no image|is empty)"):
            reading.read(FILE[:length])
    for length in range(end, len(FILE) + 1):
        np.testing.assert_array_equal(reading.read(FILE[:length]).pixels, SMALL)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_any_byte_damaged() -> None:
    end = len(FILE) - len(chunk(b"IEND", b""))
    for at in range(len(FILE)):
        damaged = bytearray(FILE)
        damaged[at] ^= 0x15
        try:
            pixels = reading.read(bytes(damaged)).pixels
        except ImageError:
            continue
        text = len(HEAD) <= at < len(HEAD) + len(chunk(b"tEXt", b"Comment\0none"))  # which nobody needs
        assert text or at >= end, f"byte {at} was not missed"
        np.testing.assert_array_equal(pixels, SMALL)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_data(zlib.compress(b"\5" + IMAGE_DATA[1:])), "filter type 5"),
        (with_data(zlib.compress(IMAGE_DATA[:-1])), "ends early"),
        (with_data(zlib.compress(b"")), "ends early"),
        (with_data(b""), "ends early"),
        (with_data(b"no deflate"), "incorrect header"),
        (with_data(zlib.compress(IMAGE_DATA)[:-1] + b"\0"), "incorrect data check"),
        (with_data(zlib.compress(IMAGE_DATA), HEAD + header(4, 2, RGB)), "two headers"),
        (with_data(zlib.compress(IMAGE_DATA), HEAD + chunk(b"tRNS", b"\0\1")), "cannot be decoded|is no image"),
        (png(SMALL[:0], RGB), "(is no image|is empty)"),
        (png(SMALL[:, :0], RGB), "(is no image|is empty)"),
    ],
)
def test_damage_behind_right_checksums(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=f"the image bytes: .*{message}"):
        reading.read(data)


def test_colour_types_that_have_no_16_bits() -> None:
    for colour_type in (1, 3, 5, 7):
        with pytest.raises(ImageError):
            reading.read(with_data(zlib.compress(IMAGE_DATA), SIGNATURE + header(4, 3, colour_type)))


def test_too_much_image_data_is_neither_used_nor_kept() -> None:
    bomb = with_data(zlib.compress(IMAGE_DATA + bytes(50_000_000)))
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(reading.read(bomb).pixels, SMALL)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_the_size_is_checked_before_anything_is_decoded() -> None:
    with pytest.raises(ImageTooLargeError, match="too many pixels"):
        reading.read(with_data(zlib.compress(b""), SIGNATURE + header(50000, 50000, RGB)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(CHANNELS)), st.booleans(), st.integers(1, 4), st.integers(1, 4))
def test_random_image_data(data: bytes, colour_type: int, interlaced: bool, width: int, height: int) -> None:
    file = with_data(zlib.compress(data), SIGNATURE + header(width, height, colour_type, interlaced))
    try:
        assert reading.read(file).pixels.shape[:2] == (height, width)
    except ImageError as error:
        assert "ends early" in str(error) or "filter type" in str(error)  # noqa: PT017 (it may also be right)


# --- writing


def test_a_file_worked_out_by_hand() -> None:
    pixels = np.array([[0x0102, 0x0304], [0x0102, 0x0406], [0x0506, 0x0506]], np.uint16)
    # Behind the first pixel the differences to the left are 2 2, 3 4, 0 0 and those to the upper row 3 4, 1 2, 1 0.
    rows = bytes.fromhex("01 01020202  02 00000102  01 05060000")
    head = bytes.fromhex("89504e470d0a1a0a 0000000d 49484452 00000002 00000003 10 00 00 00 00 cc115d1e")
    end = bytes.fromhex("00000000 49454e44 ae426082")
    data = writing.encode_png(pixels)
    deflated = data[len(head) + 8 : -len(end) - 4]
    assert zlib.decompress(deflated) == rows
    assert data == head + chunk(b"IDAT", deflated) + end
    np.testing.assert_array_equal(reading.read(data).pixels, pixels)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 140),
    st.integers(1, 12),
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from(["noise", "smooth", "flat"]),
    st.integers(0, 2**32 - 1),
)
def test_round_trip(height: int, width: int, channels: tuple[int, ...], kind: str, seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (height, width, *channels)
    pixels: Any = rng.integers(0, {"noise": 65536, "smooth": 300, "flat": 1}[kind], shape, dtype=np.uint16)
    if kind == "smooth":
        pixels = np.cumsum(pixels, axis=int(rng.integers(2)), dtype=np.uint16)
    data = writing.encode_png(pixels)
    np.testing.assert_array_equal(reading.read(data).pixels, pixels)
    with Image.open(io.BytesIO(data)) as image:  # Pillow keeps the 16 bits of grey, and the upper 8 of colours
        assert image.size == (width, height)
        np.testing.assert_array_equal(np.asarray(image), pixels if not channels else pixels >> 8)


def test_rows_of_any_stride_and_long_data() -> None:
    pixels = noise(600, 500, 4)[::-1, ::-1]
    data = writing.encode_png(pixels)
    assert data.count(b"IDAT") > 1
    np.testing.assert_array_equal(reading.read(data).pixels, pixels)


def test_smooth_drawings_stay_small() -> None:
    down = np.broadcast_to((np.arange(400) * 150)[:, None, None], (400, 400, 3)).astype(np.uint16)
    for pixels in (down, down.transpose(1, 0, 2), np.zeros_like(down)):
        assert len(writing.encode_png(pixels)) < pixels.nbytes / 200


def test_other_formats_hold_8_bits() -> None:
    pixels = noise(4, 5, 4)
    pixels[..., 3] = 65535
    expected = np.round(pixels / 257)
    saved = Image.open(io.BytesIO(writing.encode(pixels, Metadata(SRGB), formats.FORMATS["webp"])))
    np.testing.assert_array_equal(np.asarray(saved.convert("RGBA")), expected)
    assert saved.info["icc_profile"] == SRGB


# --- with a model


def test_a_session_cuts_out_16_bits(isnet_session: Session) -> None:
    yy, xx = np.mgrid[0:60, 0:80]
    subject = np.hypot(xx - 40, yy - 30) < 20
    pixels = np.where(subject[..., None], noise(60, 80, 3) // 4 + 45000, np.uint16(9001)).astype(np.uint16)
    result = isnet_session.remove(writing.encode_png(pixels, Metadata(SRGB).png_chunks()))
    assert isinstance(result, bytes)
    cutout = reading.read(result)
    np.testing.assert_array_equal(cutout.pixels, isnet_session.remove(pixels))
    assert cutout.icc == SRGB
    assert (cutout.pixels % 257 != 0).any()
