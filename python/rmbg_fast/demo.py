"""The demo: cut out a real photo that scikit-image ships, and put the result beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from . import files, images
from .errors import RmbgError

if TYPE_CHECKING:
    from .session import Session

_SQUARE = 12  # pixels, of the checkerboard
_LIGHT, _DARK = 235, 190


@dataclass(frozen=True)
class Result:
    """The files that were written, and the milliseconds of each stage."""

    files: tuple[Path, ...]
    timings: dict[str, float]


def photo() -> Image.Image:
    """Chelsea the cat (CC0), a file of scikit-image's wheel. Raises RmbgError where scikit-image is missing."""
    try:
        import skimage.data
    except ImportError as exc:
        raise RmbgError("the demo needs scikit-image for its photo: pip install 'rmbg-fast[demo]'") from exc
    cat: Any = skimage.data.chelsea()  # type: ignore[no-untyped-call]
    return Image.fromarray(cat)


def picture() -> tuple[images.Pixels, bool]:
    """Something to try a model on, (H, W, 3), and whether it is the cat; without scikit-image it is a disc."""
    try:
        return images.read(photo()).pixels, True
    except RmbgError:
        y, x = np.mgrid[-1:1:480j, -1:1:640j]
        subject = 255 / (1 + np.exp(40 * (np.hypot(x, y) - 0.5)))
        return np.stack((subject, 255 * (x + 1) / 2, 255 * (y + 1) / 2), -1).astype(np.uint8), False


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
    files.make_folder(folder)
    paths = tuple(folder / f"{name}.png" for name in pictures)
    for path, picture in zip(paths, pictures.values(), strict=True):
        images.save(picture, path)
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
