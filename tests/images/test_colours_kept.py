"""How the colours of a picture are meant: what a PNG says of it beside a profile, colours that users name, dpi."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from rmbg_fast._images import formats, metadata, profiles, reading, writing
from rmbg_fast._images.metadata import Metadata
from rmbg_fast.errors import ImageWarning
from support import icc
from support.png_spec import GREY, RGB, SIGNATURE, chunk, chunks, write

SAMPLES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
GAMMA_18 = chunk(b"gAMA", struct.pack(">I", 55556))
ADOBE_POINTS = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
P3_CODES = chunk(b"cICP", bytes([12, 13, 0, 1]))
SRGB_CODES = chunk(b"cICP", bytes([1, 13, 0, 1]))
PQ_CODES = chunk(b"cICP", bytes([9, 16, 0, 1]))
OWN_PROFILE = chunk(b"iCCP", b"own\0\0" + zlib.compress(icc.DISPLAY_P3))


def through(profile: bytes, *colour: int) -> list[int]:
    """A colour of an RGB profile, in sRGB."""
    srgb = ImageCms.createProfile("sRGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    pixel = ImageCms.profileToProfile(Image.new("RGB", (1, 1), colour), source, srgb, 1)
    return list(pixel.getpixel((0, 0)))  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("said", [GAMMA_18, ADOBE_POINTS, GAMMA_18 + ADOBE_POINTS, P3_CODES, SRGB_CODES, PQ_CODES])
def test_png_results_say_the_same_of_their_colours(said: bytes, deep: bool) -> None:
    data = write(SAMPLES, RGB, 16 if deep else 8, before=said)
    source = reading.read(data)
    result: Any = writing.finish(source, np.dstack([source.pixels, source.pixels[..., :1]]))
    kept = chunks(result)
    assert {kind: kept.get(kind) for kind in chunks(SIGNATURE + said)} == chunks(SIGNATURE + said)
    np.testing.assert_array_equal(reading.read(result).pixels[..., :3], SAMPLES)
    assert list(kept).index(b"IDAT") > max(list(kept).index(kind) for kind in chunks(SIGNATURE + said))


def test_other_results_have_a_profile_that_says_it(tmp_path: Path) -> None:
    # 1.8: light = (v / 255)^1.8; Adobe's green lies far outside of sRGB, its primaries' red inside of P3's
    gamma = reading.read(write(SAMPLES, RGB, 8, before=GAMMA_18))
    grey = [round(255 * (1.055 * (128 / 255) ** (1.8 / 2.4) - 0.055))] * 3
    assert gamma.icc is not None
    np.testing.assert_allclose(through(gamma.icc, 128, 128, 128), grey, atol=1)
    p3 = reading.read(write(SAMPLES, RGB, 8, before=P3_CODES)).icc
    assert p3 is not None
    for colour in ((128, 128, 128), (100, 150, 120), (180, 160, 90)):
        np.testing.assert_allclose(through(p3, *colour), through(icc.DISPLAY_P3, *colour), atol=1)
    path = tmp_path / "in.png"
    path.write_bytes(write(SAMPLES, RGB, 8, before=GAMMA_18))
    result: Any = writing.finish(reading.read(path), SAMPLES)
    assert result.info["icc_profile"] == gamma.icc
    for name in ("webp", "tiff", "jpeg", "avif"):
        data = writing.encode(SAMPLES, gamma.metadata, formats.FORMATS[name])
        assert Image.open(io.BytesIO(data)).info["icc_profile"] == gamma.icc


def test_srgb_needs_no_profile() -> None:
    points = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    srgb = chunk(b"sRGB", b"\0")
    for said in (chunk(b"gAMA", struct.pack(">I", 45455)) + points, srgb + GAMMA_18, SRGB_CODES, b""):
        assert reading.read(write(SAMPLES, RGB, 8, before=said)).icc is None


def test_which_of_several_counts() -> None:
    """cICP before a profile, a profile before sRGB, that before gAMA and cHRM (section 4.3 of the specification)."""
    assert reading.read(write(SAMPLES, RGB, 8, before=GAMMA_18 + OWN_PROFILE)).icc == icc.DISPLAY_P3
    both = reading.read(write(SAMPLES, RGB, 8, before=SRGB_CODES + OWN_PROFILE))
    assert both.icc is None
    assert dict(both.metadata.colour) == {b"cICP": bytes([1, 13, 0, 1])}


def test_what_only_png_can_say_is_noted_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "hdr.png"
    path.write_bytes(write(SAMPLES, RGB, 16, before=PQ_CODES))
    source = reading.read(path, deep=True)
    with pytest.warns(ImageWarning, match="cICP 9 16 0 1"):
        writing.finish(source, source.pixels)
    with pytest.warns(ImageWarning, match="cICP 9 16 0 1"):
        writing.encode(source.pixels, source.metadata, formats.FORMATS["webp"])
    assert b"cICP" in chunks(writing.encode(source.pixels, source.metadata, formats.FORMATS["png"]))


@pytest.mark.parametrize(
    "said",
    [
        chunk(b"gAMA", b"\0\0\0\0"),
        chunk(b"gAMA", b"\0\1"),
        chunk(b"cHRM", bytes(32)),
        chunk(b"cHRM", b"\xff" * 32),
        chunk(b"cICP", b"\1"),
        chunk(b"iCCP", b"name\0\0no deflate"),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(b"short")),
        chunk(b"pHYs", b"\0"),
        chunk(b"pHYs", struct.pack(">IIB", 0, 0, 1)),
        chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 0)),
    ],
)
def test_unusable_statements_are_left_out(said: bytes) -> None:
    source = reading.read(write(SAMPLES, RGB, 8, before=said))
    assert (source.icc, source.metadata.dpi) == (None, None)
    np.testing.assert_array_equal(source.pixels, SAMPLES)


def test_pillow_says_the_same_of_a_decoded_png() -> None:
    with Image.open(io.BytesIO(write(SAMPLES, RGB, 8, before=GAMMA_18 + ADOBE_POINTS))) as image:
        unread = reading.read(image).metadata
        image.load()
        assert reading.read(image).metadata == unread


# --- colours that users name


def test_a_named_colour_is_srgb_whatever_the_profile() -> None:
    p3, srgb = Metadata(icc.DISPLAY_P3), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # CSS Color 4: color(srgb 0 1 0) = color(display-p3 0.4584 0.9853 0.2983)
    np.testing.assert_allclose(p3.colour_of((0, 255, 0)), [117, 251, 76], atol=1)
    np.testing.assert_allclose(through(icc.DISPLAY_P3, *p3.colour_of((40, 90, 200))), (40, 90, 200), atol=2)
    for colour in ((0, 255, 0), (255, 255, 255), (12, 34, 56), (0, 0, 0)):
        assert Metadata().colour_of(colour) == colour
        np.testing.assert_allclose(Metadata(srgb).colour_of(colour), colour, atol=1)
        if len(set(colour)) == 1:
            assert p3.colour_of(colour) == colour
    damaged = Metadata(icc.DISPLAY_P3[:200])
    assert damaged.colour_of((1, 2, 3)) == (1, 2, 3)


def test_impossible_primaries_make_no_profile() -> None:
    on_a_line = ((0.3127, 0.329), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3))
    for points in (on_a_line, ((0.3, 0.0), *profiles.SRGB_POINTS[1:])):
        assert profiles.matrix_profile(points, profiles.SRGB_CURVE) is None


# --- resolution


@pytest.mark.parametrize("into", ["png", "tiff", "jpeg", "bmp"])
@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "BMP"])
def test_resolution_is_kept(format: str, into: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(SAMPLES).save(buffer, format, dpi=(300, 150))
    for given in (buffer.getvalue(), buffer, Image.open(buffer)):
        source = reading.read(given)
        assert source.metadata.dpi == pytest.approx((300, 150), abs=0.02)
        data = writing.encode(SAMPLES, source.metadata, formats.FORMATS[into])
        assert Image.open(io.BytesIO(data)).info["dpi"] == pytest.approx((300, 150), abs=0.02)
        result = writing.finish(source, SAMPLES)
        image = Image.open(io.BytesIO(result)) if isinstance(result, bytes) else result
        assert isinstance(image, Image.Image)
        assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)


def test_resolution_of_16_bits_and_exactly() -> None:
    data = write(SAMPLES[..., :1], GREY, 16, before=chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)))
    source = reading.read(data)
    result: Any = writing.finish(source, source.pixels)
    assert chunks(result)[b"pHYs"] == struct.pack(">IIB", 11811, 5906, 1)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
def test_resolution_turns_with_the_picture(format: str) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(SAMPLES).save(buffer, format, dpi=(300, 150), exif=exif)
    source = reading.read(buffer.getvalue())
    assert source.pixels.shape[:2] == (3, 2)
    assert source.metadata.dpi == pytest.approx((150, 300), abs=0.02)


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 1.0), "300", (300,), (1e9, 1e9), None])
def test_unusable_resolutions_of_a_pil_image(dpi: Any) -> None:
    assert metadata.of_pillow({"dpi": dpi}) == Metadata()
