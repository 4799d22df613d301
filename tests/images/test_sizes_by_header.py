"""The size of a picture is told by its header, in many threads at once, and leaves the program's warnings alone."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images.sizes import pixels_of
from support.parallel import in_threads


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "JPEG")
    return file.getvalue()


def test_all_kinds_of_pictures(tmp_path: Path) -> None:
    data, path = jpeg(30, 20), tmp_path / "a.jpg"
    path.write_bytes(data)
    for image in (data, bytearray(data), memoryview(data), path, str(path), Image.new("L", (30, 20))):
        assert pixels_of(image) == 600
    assert pixels_of(np.zeros((20, 30, 3), np.uint8)) == 600
    for image in (b"no picture", tmp_path / "missing.jpg", "a\0b", None, np.zeros(3)):
        assert pixels_of(image) is None


def test_filters_of_warnings_survive_many_threads() -> None:
    before, pause = list(warnings.filters), sys.getswitchinterval()
    data = jpeg(8, 8)
    sys.setswitchinterval(1e-6)
    try:
        in_threads(8, lambda _: [pixels_of(data) for _ in range(300)])
    finally:
        sys.setswitchinterval(pause)
    assert list(warnings.filters) == before


def test_warning_as_error_is_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pixels_of(jpeg(30, 20)) is None
