"""Every mode of Pillow becomes grey, RGB or RGBA."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading
from support.pictures import encoded, pixel

GREY16 = np.array([[0, 127, 128, 129, 32768, 65535]], np.uint16)
GREY8 = np.array([[0, 0, 0, 1, 128, 255]], np.uint8)  # rounded, neither clipped nor cut


def palette(**info: Any) -> Image.Image:
    image = Image.new("P", (1, 1), 1)
    image.putpalette([9, 9, 9, 10, 20, 30])
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
