"""ICC profiles are carried along, and applied where the pixels change their space."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading, writing
from support import icc
from support.pictures import RGB, RGBA, SRGB, encoded, load, pixel


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
