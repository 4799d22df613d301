"""rembg's ways to join a picture and its mask: arrays of uint8 in, RGBA of uint8 out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import ops
from ..errors import OptionError

Levels = NDArray[np.uint8]


def plain(pixels: Levels, mask: Levels, *, opaque: bool) -> Levels:
    """Colour and the picture's own alpha, each multiplied by the mask. `opaque`: it has no alpha, or 255 throughout."""
    if opaque:
        return _joined(pixels, mask, "premultiplied")
    cut = _joined(pixels[..., :3], mask, "premultiplied")
    cut[..., 3] = _joined(pixels, mask, "straight")[..., 3]
    return cut


def put_alpha(pixels: Levels, mask: Levels) -> Levels:
    """The picture as it is, with the mask for its alpha: grey and alpha where it is grey."""
    colours = pixels[..., None] if pixels.ndim == 2 else pixels[..., :3]
    return np.concatenate([colours, mask[..., None]], 2)


def decontaminated(pixels: Levels, mask: Levels) -> Levels:
    """The subject's own colours, estimated where the background shines through, and the mask for alpha."""
    colours = colours_of(pixels)
    return _joined(np.asarray(ops.estimate_foreground(colours, mask)), mask, "straight")


@dataclass(frozen=True)
class Matting:
    """Alpha anew, by closed-form matting: above `foreground` the mask is taken for certain, below `background` for
    certainly nothing, both but for `erode` pixels at the edge."""

    foreground: int = 240
    background: int = 10
    erode: int = 10

    def cutout(self, pixels: Levels, mask: Levels) -> Levels:
        """Raises ValueError where the mask leaves nothing certain, OptionError where pymatting is not installed."""
        try:
            from pymatting import estimate_alpha_cf, estimate_foreground_ml
        except ImportError as exc:
            raise OptionError("alpha matting needs one more package: pip install pymatting") from exc
        colours = colours_of(pixels) / 255
        alpha = estimate_alpha_cf(colours, self._trimap(mask) / 255)
        foreground = estimate_foreground_ml(colours, alpha)
        cut: Levels = (np.clip(np.dstack([foreground, alpha]), 0, 1) * 255).astype(np.uint8)
        return cut

    def _trimap(self, mask: Levels) -> Levels:
        from scipy.ndimage import binary_erosion  # pymatting needs it too

        block = np.ones((self.erode, self.erode)) if self.erode > 0 else None
        trimap = np.full(mask.shape, 128, np.uint8)
        trimap[binary_erosion(mask > self.foreground, block)] = 255
        trimap[binary_erosion(mask < self.background, block, border_value=1)] = 0
        return trimap


def over(cut: Levels, colour: tuple[int, int, int, int]) -> Levels:
    """RGBA over a colour with alpha."""
    image = Image.fromarray(cut)
    behind = Image.new("RGBA", image.size, colour)
    return np.asarray(Image.alpha_composite(behind, image if image.mode == "RGBA" else image.convert("RGBA")))


def colours_of(pixels: Levels) -> Levels:
    """RGB."""
    return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])


def _joined(pixels: Levels, mask: Levels, mode: Any) -> Levels:
    joined: Any = ops.blend(pixels, mask, mode=mode)
    return np.asarray(joined)
