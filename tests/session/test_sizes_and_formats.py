"""`max_side`, `format` and `compress` of a session and of the command."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rmbg_fast import ModelSpec, Session
from rmbg_fast._cli import main
from rmbg_fast._images import reading, writing
from rmbg_fast.errors import OptionError


@pytest.fixture
def session(grey_model: ModelSpec) -> Session:
    return Session(grey_model, device="cpu")


def test_results_have_the_smaller_size(session: Session, photo: NDArray[np.uint8], tmp_path: Path) -> None:
    small = reading.read(photo, max_side=35).pixels
    wanted = session.remove(small)
    assert wanted.shape == (35, 23, 4)
    np.testing.assert_array_equal(session.remove(photo, max_side=35), wanted)
    out = np.zeros((35, 23, 4), np.uint8)
    assert session.remove(photo, max_side=35, out=out) is out
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(session.mask(photo, max_side=35), session.mask(small))
    result = session.predict(photo, max_side=35)
    assert result.mask.shape == (35, 23)
    with pytest.raises(OptionError, match="out"):
        session.remove(photo, max_side=35, out=np.zeros((70, 45, 4), np.uint8))
    with pytest.raises(OptionError, match="max_side"):
        session.remove(photo, max_side=0)
    assert session.remove(photo, max_side=70).shape == (70, 45, 4)
    data = writing.encode_png(photo)
    assert Image.open(io.BytesIO(session.remove(data, max_side=35))).size == (23, 35)
    (tmp_path / "in.png").write_bytes(data)
    assert session.remove(tmp_path / "in.png", max_side=35).size == (23, 35)
    deep = (photo.astype(np.uint16)) * 257
    assert session.remove(deep, max_side=35).dtype == np.uint16


def test_bytes_in_other_formats(session: Session, photo: NDArray[np.uint8]) -> None:
    data = writing.encode_png(photo)
    wanted = session.remove(photo)
    found = np.load(io.BytesIO(session.remove(data, format="npy")))
    np.testing.assert_array_equal(found, wanted)
    assert session.remove(data, format="rgba") == wanted.tobytes()
    for name in ("webp", "tiff"):
        image = Image.open(io.BytesIO(session.remove(data, format=name)))
        assert image.format == name.upper()
    jpeg = Image.open(io.BytesIO(session.remove(data, format="jpg", background="white")))
    assert jpeg.format == "JPEG"
    with pytest.raises(OptionError, match="JPEG holds no transparency"):
        session.remove(data, format="jpg")
    with pytest.raises(OptionError, match="bytes"):
        session.remove(photo, format="webp")
    with pytest.raises(OptionError, match="format 'gif'"):
        session.predict(data, format="gif")
    assert isinstance(session.predict(data, format="webp").cutout, bytes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_bytes(session: Session, dtype: Any) -> None:
    yy, xx = np.mgrid[:120, :150]
    picture = (np.dstack([yy, xx, yy + xx]) % 256).astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    data = writing.encode_png(picture)
    fast, small = session.remove(data), session.remove(data, compress="small")
    assert fast != small
    np.testing.assert_array_equal(reading.read(fast).pixels, reading.read(small).pixels)
    with pytest.raises(OptionError, match="compress"):
        session.remove(data, compress="best")  # type: ignore[call-overload]


def test_the_command(photo: NDArray[np.uint8], grey_model: ModelSpec, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("in.jpg", quality=95)
    monkeypatch.setattr("rmbg_fast.session.Session", lambda *_, **__: Session(grey_model, device="cpu"))

    def run(*options: str) -> int:
        return main.main(["remove", "in.jpg", *options])

    assert run("-o", "fast.png", "--max-side", "40") == 0
    assert run("-o", "small.png", "--max-side", "40", "--compress", "small") == 0
    fast, small = (np.asarray(Image.open(name)) for name in ("fast.png", "small.png"))
    assert fast.shape == (40, 26, 4)
    np.testing.assert_array_equal(fast, small)
    assert run("-o", "out.npy") == 0
    assert np.load("out.npy").shape == (70, 45, 4)
    assert run("--mask", "--format", "rgba", "-o", "mask.rgba") == 0
    assert Path("mask.rgba").stat().st_size == 70 * 45 * 4
    assert run("--max-side", "0") == 2


def test_masks_of_drafts(grey_model: ModelSpec) -> None:
    yy, xx = np.mgrid[-1:1:300j, -1:1:400j]
    disc = 255 / (1 + np.exp(20 * (np.hypot(yy, xx) - 0.5)))
    file = io.BytesIO()
    Image.fromarray(np.dstack([disc.astype(np.uint8)] * 3)).save(file, "JPEG", quality=95)
    data = file.getvalue()
    session = Session(grey_model, device="cpu")
    whole, draft = session.mask(data), session.mask(data, draft=True)
    assert whole.shape == draft.shape == (300, 400)
    assert (whole != draft).any()
    assert np.abs(whole.astype(int) - draft).mean() < 4
    out = np.zeros((300, 400), np.uint8)
    assert session.mask(data, draft=True, out=out) is out
    np.testing.assert_array_equal(out, draft)
    array = reading.read(data).pixels[..., :3]
    np.testing.assert_array_equal(session.mask(array, draft=True), whole)
