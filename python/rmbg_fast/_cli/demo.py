"""The demo: cut out a real photo, and put the result beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .._images.writing import save
from .._storage.writing import make_folder

if TYPE_CHECKING:
    from ..session import Session

_SQUARE = 12  # pixels, of the checkerboard
_LIGHT, _DARK = 235, 190


@dataclass(frozen=True)
class Result:
    """The files that were written, and the milliseconds of each stage."""

    files: tuple[Path, ...]
    timings: dict[str, float]


def run(session: Session, cat: Image.Image, folder: Path) -> Result:
    """Write `cat`, its mask, its cut-out and a side-by-side picture as PNG files into `folder`. Raises OutputError."""
    cutout = session.remove(cat)
    assert isinstance(cutout, Image.Image)
    pictures = {
        "cat": cat,
        "cat-mask": cutout.getchannel("A"),
        "cat-cutout": cutout,
        "cat-side-by-side": side_by_side(cat, cutout),
    }
    make_folder(folder)
    paths = tuple(folder / f"{name}.png" for name in pictures)
    for path, picture in zip(paths, pictures.values(), strict=True):
        save(picture, path)
    return Result(paths, dict(session.timings))


def side_by_side(image: Image.Image, cutout: Image.Image) -> Image.Image:
    """The photo at the left, its cut-out over a checkerboard at the right."""
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(image, (0, 0))
    both.paste(_checkerboard(*image.size), (image.width, 0))
    both.paste(cutout, (image.width, 0), cutout)
    return both


def _checkerboard(width: int, height: int) -> Image.Image:
    rows, columns = np.indices((height, width)) // _SQUARE
    return Image.fromarray(np.where((rows + columns) % 2, _DARK, _LIGHT).astype(np.uint8)).convert("RGB")
