"""rembg itself (on PyPI), with its sessions on the model files of this package; who imports this is skipped without it.

Pillow 13 resizes some pictures in another order of passes; there rembg's own masks are up to 4 levels from those that
it has with every Pillow before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import __version__ as pillow

from rmbg_fast import models

if int(pillow.split(".")[0]) >= 13:
    pytest.skip("rembg is compared with Pillow before 13: pip install '.[compare]'", allow_module_level=True)
try:
    import rembg
except ImportError:
    pytest.skip("rembg is not installed: pip install '.[compare]'", allow_module_level=True)

__all__ = ["Given", "apart", "file_of", "rembg", "session"]


def file_of(name: str) -> Path:
    """The file of a model of ours. Skips where it cannot be had."""
    try:
        return models.pull(name)
    except models.ModelError:
        if os.environ.get("RMBG_FAST_OFFLINE") != "1":
            raise
        pytest.skip(f"RMBG_FAST_OFFLINE is set and {name} is not there")


def session(name: str, home: Path) -> Any:
    """rembg's session of a model, whose file it finds in `home`, where it would have put its own."""
    file = file_of(name)
    link = home / f"{name}.onnx"
    if not link.exists():
        link.symlink_to(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("U2NET_HOME", str(home))
        return Kept(rembg.new_session(name, providers=["CPUExecutionProvider"]))


class Kept:
    """rembg's session, which looks at each picture once: it has the same masks for it with every option."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.masks: dict[Any, list[Image.Image]] = {}

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        seen = img.mode, img.size, img.tobytes()
        if seen not in self.masks:
            self.masks[seen] = self.session.predict(img, *args, **kwargs)
        return [mask.copy() for mask in self.masks[seen]]


def apart(result: np.ndarray, expected: np.ndarray, *, seen: bool = False) -> np.ndarray:
    """How many levels each sample is from rembg's. `seen`: colours count by how much alpha shows of them; pymatting
    leaves those that nobody sees to what was in its memory."""
    levels = np.abs(result.astype(int) - expected)
    if seen and levels.ndim == 3 and levels.shape[2] == 4:
        levels[..., :3] = levels[..., :3] * expected[..., 3:] // 255
    return levels


class Given:
    """A session that answers with given masks, whatever it sees; both modules take it."""

    def __init__(self, *masks: np.ndarray) -> None:
        self.masks = masks

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        return [Image.fromarray(mask) for mask in self.masks]
