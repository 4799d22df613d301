"""The words that options take, as types."""

from typing import Literal

Resample = Literal["bilinear", "bilinear-topleft", "triangle", "pillow-bilinear", "pillow-bicubic", "pillow-lanczos"]
MaskResample = Literal[
    "bilinear",
    "bilinear-topleft",
    "bilinear-corners",
    "bicubic",
    "nearest",
    "pillow-bilinear",
    "pillow-bicubic",
    "pillow-lanczos",
]
MinMaxOrder = Literal["none", "before", "after"]
Rounding = Literal["none", "truncate", "nearest"]
MaskRounding = Literal["truncate", "nearest"]
Alpha = Literal["straight", "premultiplied"]
