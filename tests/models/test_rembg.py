"""Recipe "rembg" against rembg itself (on PyPI), with the same model file: masks and cut-outs.

Pillow 13 resizes some pictures in another order of passes; there rembg's own masks are up to 4 levels from those that
it has with every Pillow before.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import __version__ as pillow
from skimage import data

from rmbg_fast import Session, models

if int(pillow.split(".")[0]) >= 13:
    pytest.skip("rembg is compared with Pillow before 13: pip install '.[compare]'", allow_module_level=True)
try:
    import rembg
except ImportError:
    pytest.skip("rembg is not installed: pip install '.[compare]'", allow_module_level=True)

LEVELS = 2
PHOTOS = {
    "u2netp": ["astronaut", "camera", "chelsea", "coffee", "coins", "hubble_deep_field", "retina", "rocket"],
    "u2net": ["astronaut", "chelsea", "rocket"],
}


@pytest.fixture(scope="module", params=PHOTOS)
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """rembg's session, ours, and the photos. Both read one file: rembg finds it where it would have put its own."""
    name = request.param
    try:
        file = models.pull(name)
    except models.ModelError:
        if os.environ.get("RMBG_FAST_OFFLINE") != "1":
            raise
        pytest.skip(f"RMBG_FAST_OFFLINE is set and {name} is not there")
    home = tmp_path_factory.mktemp("rembg")
    (home / file.name).symlink_to(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("U2NET_HOME", str(home))
        theirs = rembg.new_session(name, providers=["CPUExecutionProvider"])
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
