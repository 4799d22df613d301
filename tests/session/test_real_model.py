"""The real model on real photos against plain onnxruntime and NumPy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from rmbg_fast import Session

PHOTOS = {"cat": data.chelsea, "astronaut": data.astronaut}


@pytest.fixture(scope="module")
def plain(isnet_path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(isnet_path, providers=["CPUExecutionProvider"])


def two_taps(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """Half-pixel bilinear without antialias of the first two axes, in float64."""
    for axis, out in enumerate(size):
        length = plane.shape[axis]
        at = np.clip((np.arange(out) + 0.5) * length / out - 0.5, 0, length - 1)
        first = np.floor(at).astype(int)
        weight = (at - first).reshape((-1,) + (1,) * (plane.ndim - axis - 1))
        a, b = np.take(plane, first, axis), np.take(plane, np.minimum(first + 1, length - 1), axis)
        plane = a * (1 - weight) + b * weight
    return plane


@pytest.mark.parametrize("name", PHOTOS)
def test_mask_is_the_official_recipe_s(name: str, plain: onnxruntime.InferenceSession, isnet_session: Session) -> None:
    photo = PHOTOS[name]()
    tensor = np.floor(two_taps(photo.astype(np.float64), (1024, 1024)) + 1e-9) / 255 - 0.5
    output = plain.run(["output"], {"input": tensor.transpose(2, 0, 1)[None].astype(np.float32)})[0]
    enlarged = two_taps(output[0, 0].astype(np.float64), photo.shape[:2])
    wanted = ((enlarged - enlarged.min()) / (enlarged.max() - enlarged.min()) * 255).astype(np.uint8)
    mask = isnet_session.mask(photo)
    difference = np.abs(mask.astype(int) - wanted)
    assert difference.mean() < 0.05
    assert difference.max() <= 1
    assert mask.min() == 0
    assert mask.max() == 255
    assert 0.1 < (mask > 127).mean() < 0.9


def test_cutout_is_mask_and_photo(isnet_session: Session) -> None:
    photo = data.chelsea()
    mask = isnet_session.mask(photo)
    cutout = isnet_session.remove(photo)
    assert np.array_equal(cutout[..., 3], mask)
    assert np.array_equal(cutout[..., :3], np.where(mask[..., None] > 0, photo, 0))
    assert list(isnet_session.timings) == ["decode", "preprocess", "inference", "postprocess", "encode"]
    assert isnet_session.provider == "CPUExecutionProvider"


def test_the_same_kind_comes_out(isnet_session: Session, tmp_path: Path) -> None:
    picture = Image.fromarray(data.chelsea())
    path = tmp_path / "cat.png"
    picture.save(path)
    whole = np.asarray(isnet_session.remove(path))
    from_bytes = isnet_session.remove(path.read_bytes())
    assert from_bytes.startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(from_bytes))), whole)
    assert np.array_equal(np.asarray(isnet_session.remove(picture)), whole)
