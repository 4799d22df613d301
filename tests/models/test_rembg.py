"""Recipe "rembg" against rembg itself, with the same model file: masks and cut-outs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from rmbg_fast import Session
from support import real_rembg
from support.real_rembg import rembg

LEVELS = 2
PHOTOS = {
    "u2netp": ["astronaut", "camera", "chelsea", "coffee", "coins", "hubble_deep_field", "retina", "rocket"],
    "u2net": ["astronaut", "chelsea", "rocket"],
}


@pytest.fixture(scope="module", params=PHOTOS)
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """rembg's session, ours, and the photos."""
    name = request.param
    theirs = real_rembg.session(name, tmp_path_factory.mktemp("rembg"))
    return theirs, Session(name, recipe="rembg", device="cpu"), PHOTOS[name]


def test_masks_and_cutouts(sessions: Any) -> None:
    theirs, ours, names = sessions
    for name in names:
        image = Image.fromarray(getattr(data, name)()).convert("RGB")
        result = ours.predict(image, on_empty="ignore")
        mask = np.asarray(rembg.remove(image, session=theirs, only_mask=True))
        cutout = np.asarray(rembg.remove(image, session=theirs))
        for what, got, expected in (("mask", result.mask, mask), ("cut-out", np.asarray(result.cutout), cutout)):
            assert got.shape == expected.shape
            assert expected.max() == 255, "rembg stretches whatever it sees"
            apart = np.abs(got.astype(int) - expected)
            print(f"{name}, {what}: at most {apart.max()} levels apart, {apart.mean():.5f} on average")
            assert apart.max() <= LEVELS, f"{name}, {what}"
