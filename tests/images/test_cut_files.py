"""Files whose end is missing, on request: what is there is shown, the rest is grey."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading
from rmbg_fast.errors import ImageError, ImageWarning, OptionError


def noise(format: str) -> tuple[bytes, Any]:
    rough = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(rough).resize((128, 128), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format, **({"quality": 95} if format == "JPEG" else {}))
    return buffer.getvalue(), np.asarray(Image.open(buffer))


@pytest.mark.parametrize("way", ["path", "bytes", "file"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "PPM"])
def test_a_cut_file_on_request(format: str, way: str, tmp_path: Path) -> None:
    data, whole = noise(format)
    cut = data[: int(len(data) * 0.6)]
    (tmp_path / "cut").write_bytes(cut)

    def given() -> Any:
        return {"path": tmp_path / "cut", "bytes": cut, "file": io.BytesIO(cut)}[way]

    with pytest.raises(ImageError, match=r"cut short|no image"):
        reading.read(given())
    with pytest.warns(ImageWarning, match="cut short: what is missing is grey"):
        found = reading.read(given(), truncated="accept").pixels[..., :3]
    rows = np.flatnonzero((np.abs(found.astype(int) - whole) <= 2).all(axis=(1, 2)))
    grey = np.flatnonzero((np.abs(found.astype(int) - 128) <= 2).all(axis=(1, 2)))
    assert 40 <= len(rows) <= 90
    assert 30 <= len(grey) <= 80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(reading.read(data, truncated="accept").pixels[..., :3], whole)


def test_what_is_no_picture_is_refused_all_the_same() -> None:
    data, _ = noise("PNG")
    for junk in (b"", b"no picture", data[:20], data[:45]):
        with pytest.raises(ImageError):
            reading.read(junk, truncated="accept")
    with pytest.raises(OptionError, match="truncated must be 'refuse' or 'accept'"):
        reading.read(data, truncated="yes")  # type: ignore[arg-type]
