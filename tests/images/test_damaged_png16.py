"""A damaged 16-bit PNG is refused by name, and takes no memory."""

from __future__ import annotations

import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmbg_fast._images import reading
from rmbg_fast.errors import ImageError, ImageTooLargeError
from support.png16 import CHANNELS, filtered, header, noise, png
from support.png_spec import RGB, SIGNATURE, chunk

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
