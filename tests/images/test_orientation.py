"""The orientation in the EXIF data is applied, once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading, writing
from support.pictures import RGB, encoded, load

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
    assert reading.read(encoded(Image.fromarray(RGB), "JPEG", exif=exif)).pixels.shape[:2] == RGB.shape[:2]
