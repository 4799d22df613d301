"""16-bit PNG files that we write: one worked out by hand, and every one read back."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmbg_fast import Session
from rmbg_fast._images import formats, reading, writing
from rmbg_fast._images.metadata import Metadata
from support.pictures import SRGB
from support.png16 import noise
from support.png_spec import chunk


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
