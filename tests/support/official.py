"""What each model's authors do around the network, step by step, with torch and Pillow: what the recipes are held to.

`RECIPES[name].prepare` makes the network's input of a photo; `.finish` makes the mask of the network's output plane.
Both take `dtype`: torch.float32 runs every step in the precision its authors run it in, torch.float64 runs the same
steps without the rounding errors of float32 source coordinates and lerps. 8-bit steps are 8-bit in both.
torchvision's transforms are written out here by their definition. docs/models.md says where each step comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]
Size = tuple[int, int]  # height, width

HALF, ONE = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet


@dataclass(frozen=True)
class Official:
    """One way to run one family.

    prepare(image, size=..., dtype=...)   image uint8 (H, W, 3) -> tensor (1, 3, *size)
    finish(plane, shape, dtype=...)       plane float32 (h, w), as the graph gives it -> mask uint8 (*shape)

    `finish` applies the sigmoid itself where `logits` is true, that is where the published ONNX files leave it to do.
    """

    size: Size
    _prepare: Callable[[Bytes, Size, torch.dtype], torch.Tensor]
    _finish: Callable[[torch.Tensor, Size], Bytes]
    logits: bool = False

    def prepare(self, image: Bytes, size: Size | None = None, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return self._prepare(image, size or self.size, dtype)

    def finish(self, plane: NDArray[np.float32], shape: Size, dtype: torch.dtype = torch.float32) -> Bytes:
        alpha = torch.tensor(plane, dtype=dtype)
        return self._finish(alpha.sigmoid() if self.logits else alpha, shape)


# Steps that several of them share.


def normalized(values: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """torchvision's normalize of (1, 3, H, W): minus the mean, over the deviation, both in the values' own dtype."""
    mean_, std_ = (torch.tensor(row, dtype=values.dtype).view(1, 3, 1, 1) for row in (mean, std))
    return values.sub(mean_).div(std_)


def planes(image: Bytes | Floats, dtype: torch.dtype) -> torch.Tensor:
    """(H, W, 3) -> (1, 3, H, W)"""
    return torch.tensor(np.ascontiguousarray(image), dtype=dtype).permute(2, 0, 1)[None]


def pillow(image: Bytes, size: Size, filter: Image.Resampling) -> Bytes:
    """`Image.resize`, sideways first, as all versions of Pillow before 13 do it; 13 goes down first where the height
    shrinks far more than the width, or that alone, and its 8-bit step in between then gives other last bits."""
    return np.asarray(Image.fromarray(image).resize((size[1], image.shape[0]), filter).resize(size[::-1], filter))


def bilinear(plane: torch.Tensor, shape: Size, align_corners: bool = False) -> torch.Tensor:
    return F.interpolate(plane[None, None], size=shape, mode="bilinear", align_corners=align_corners)[0, 0]


def stretched(plane: torch.Tensor) -> torch.Tensor:
    return (plane - plane.min()) / (plane.max() - plane.min())


def truncated(plane: torch.Tensor) -> Bytes:
    """x255, fraction dropped: NumPy's astype(uint8), torch's byte(), Pillow's F to L, all the same for 0..1."""
    return (plane * 255).clamp(0, 255).to(torch.uint8).numpy()


# RMBG-1.4 and IS-Net: no antialiasing going in, min-max over the mask at the photo's own size.


def _torch_prepare(image: Bytes, size: Size, dtype: torch.dtype, *, truncate: bool) -> torch.Tensor:
    resized = F.interpolate(planes(image, dtype), size=size, mode="bilinear", align_corners=False)
    if truncate:
        resized = resized.to(torch.uint8).to(dtype)
    return normalized(resized / 255, HALF, ONE)


def _torch_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    return truncated(stretched(bilinear(alpha, shape)))


# RMBG-2.0 and BiRefNet's notebook: torchvision on a PIL image going in, an 8-bit mask and Pillow's default coming out.


def _pillow_prepare(image: Bytes, size: Size, dtype: torch.dtype) -> torch.Tensor:
    return normalized(planes(pillow(image, size, Image.Resampling.BILINEAR), dtype) / 255, MEAN, STD)


def _pillow_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    return pillow(truncated(alpha), shape, Image.Resampling.BICUBIC)


# BiRefNet's inference.py: OpenCV's 8-bit INTER_LINEAR going in, torch with aligned corners coming out.


def _inference_prepare(image: Bytes, size: Size, dtype: torch.dtype) -> torch.Tensor:
    """INTER_LINEAR by its formula. OpenCV's own fixed point and its shortcut for exact halves lie within 1 of 255."""
    exact = F.interpolate(planes(image, torch.float64), size=size, mode="bilinear", align_corners=False)
    return normalized((exact + 0.5).floor().to(dtype) / 255, MEAN, STD)


def _inference_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    return truncated(bilinear(alpha, shape, align_corners=True))


# U2-Net: scikit-image in float64 going in; an 8-bit mask and Pillow's antialiased bilinear coming out.


def _u2net_prepare(image: Bytes, size: Size, dtype: torch.dtype, *, antialias: bool) -> torch.Tensor:
    resized = skimage_resize(image, size, antialias)
    with np.errstate(invalid="ignore"):  # a black photo: 0 / 0, which the authors leave
        values = (resized / resized.max() - MEAN) / STD
    return planes(values, dtype)


def skimage_resize(image: Bytes, size: Size, antialias: bool) -> NDArray[np.float64]:
    """`skimage.transform.resize(image, size, mode="constant")`: (H, W, 3) -> (*size, 3) in 0..1.

    Version 0.14.0 by default (what U2-Net's README requires): 2 taps, 0 outside of the image, then clipped to the
    image's own smallest and largest value. With `antialias`, version 0.17.2 (requirements.txt): before that a Gaussian
    of sigma (scale - 1) / 2, which sees 0 outside as well, and whose result is cut to uint8 after each axis.
    """
    scale = [before / after for before, after in zip(image.shape[:2], size, strict=True)]
    if antialias:
        from scipy import ndimage

        sigma = [max(0.0, (factor - 1) / 2) for factor in scale]
        image = ndimage.gaussian_filter(image, (*sigma, 0), mode="constant", cval=0)
    values = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    for axis, (factor, after) in enumerate(zip(scale, size, strict=True)):
        at = factor * (np.arange(after) + 0.5) - 0.5
        first = np.floor(at).astype(int)
        rest = (at - first).reshape((-1, 1, 1) if axis == 0 else (-1, 1))
        low, high = (np.take(values, np.clip(first + step, 0, values.shape[axis] - 1), axis) for step in (1, 2))
        values = low * (1 - rest) + high * rest
    return np.clip(values, image.min(), image.max()) / 255


def _u2net_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    return pillow(truncated(stretched(alpha)), shape, Image.Resampling.BILINEAR)


# rembg: Lanczos both ways, the photo's own maximum for white, min-max for every model.


def _rembg_prepare(
    image: Bytes, size: Size, dtype: torch.dtype, *, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD
) -> torch.Tensor:
    resized = pillow(image, size, Image.Resampling.LANCZOS)
    return planes((resized / max(resized.max(), 1e-6) - mean) / std, dtype)


def _rembg_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    return pillow(truncated(stretched(alpha)), shape, Image.Resampling.LANCZOS)


def rembg_cutout(image: Bytes, mask: Bytes) -> Bytes:
    """(H, W, 3 or 4), (H, W) -> (H, W, 4): the photo pasted on transparent black, so colour is multiplied by alpha."""
    empty = Image.new("RGBA", (image.shape[1], image.shape[0]), 0)
    return np.asarray(Image.composite(Image.fromarray(image), empty, Image.fromarray(mask)))


# The browser guide: no half pixels, JavaScript numbers (float64) between Uint8Clamped and Float32 arrays.


def _topleft(values: torch.Tensor, shape: Size) -> torch.Tensor:
    """2 taps at index * (before / after), the last row and column repeated: (..., H, W) -> (..., *shape) in float64."""
    values = values.to(torch.float64)
    for axis, after in ((-2, shape[0]), (-1, shape[1])):
        before = values.shape[axis]
        at = torch.arange(after, dtype=torch.float64) * (before / after)
        first = at.floor().long()
        rest = (at - first).reshape(-1, 1) if axis == -2 else at - first
        low, high = (values.index_select(axis, torch.clamp(first + step, max=before - 1)) for step in (0, 1))
        values = low * (1 - rest) + high * rest
    return values


def _guide_prepare(image: Bytes, size: Size, dtype: torch.dtype) -> torch.Tensor:
    levels = _topleft(planes(image, torch.float64), size).round()  # Uint8ClampedArray: to nearest, ties to even
    return ((levels / 255 - 0.5) * 2).to(dtype)


def _guide_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    if alpha.min() == alpha.max():
        return np.full(shape, 255, np.uint8)
    stored = _topleft(stretched(alpha.double()).to(alpha.dtype), shape).to(alpha.dtype)
    return (stored.double() * 255 + 0.5).floor().clamp(0, 255).to(torch.uint8).numpy()  # Math.round


# The Rust article: the image crate's Triangle, rounded to 8 bits; min-max over what is a number; nearest neighbour.


def _rust_prepare(image: Bytes, size: Size, dtype: torch.dtype) -> torch.Tensor:
    resized = F.interpolate(planes(image, dtype), size=size, mode="bilinear", align_corners=False, antialias=True)
    return normalized((resized + 0.5).floor().clamp(0, 255) / 255, HALF, HALF)


def _rust_finish(alpha: torch.Tensor, shape: Size) -> Bytes:
    values = (alpha + 1) / 2
    numbers = values[~values.isnan()]
    values = ((values - numbers.min()) / (numbers.max() - numbers.min())).nan_to_num(0.0)
    rows, columns = (
        (2 * np.arange(after) + 1) * before // (2 * after) for before, after in zip(values.shape, shape, strict=True)
    )
    return truncated(values)[rows][:, columns]


RECIPES = {
    "rmbg-1.4": Official((1024, 1024), partial(_torch_prepare, truncate=True), _torch_finish),
    "rmbg-1.4-pipeline": Official((1024, 1024), partial(_torch_prepare, truncate=False), _torch_finish),
    "isnet": Official((1024, 1024), partial(_torch_prepare, truncate=True), _torch_finish),
    # The torch model leaves the sigmoid to its caller, the ONNX file that rembg publishes has it inside.
    "rmbg-2.0": Official((1024, 1024), _pillow_prepare, _pillow_finish),
    "birefnet": Official((1024, 1024), _pillow_prepare, _pillow_finish, logits=True),
    "birefnet-inference": Official((1024, 1024), _inference_prepare, _inference_finish, logits=True),
    "u2net": Official((320, 320), partial(_u2net_prepare, antialias=False), _u2net_finish),
    "u2net-0.17": Official((320, 320), partial(_u2net_prepare, antialias=True), _u2net_finish),
    "browser-guide": Official((1024, 1024), _guide_prepare, _guide_finish),
    "rust": Official((1024, 1024), _rust_prepare, _rust_finish),
    "rembg": Official((1024, 1024), _rembg_prepare, _rembg_finish),
    "rembg/isnet": Official((1024, 1024), partial(_rembg_prepare, mean=HALF, std=ONE), _rembg_finish),
    "rembg-2.0.63": Official((1024, 1024), partial(_rembg_prepare, std=ONE), _rembg_finish),
    "rembg/u2net": Official((320, 320), _rembg_prepare, _rembg_finish),
    "rembg/birefnet": Official((1024, 1024), _rembg_prepare, _rembg_finish, logits=True),
}
