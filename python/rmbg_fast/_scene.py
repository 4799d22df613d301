"""What comes out of a call besides pixels: what the model saw, and how long each stage took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Cutout = TypeVar("Cutout")


Timings: TypeAlias = dict[str, float]
"""Milliseconds of the stages of a call: decode, preprocess, inference, postprocess and, for a cut-out, encode."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the model saw.

    `coverage` is the mean alpha of the mask, 0..1. `range` is the smallest and largest value of the mask before it is
    stretched, at the size at which the recipe stretches it. `empty` says why there is no subject ("": there is one).
    `box` holds the subject: (left, top, right, bottom) in pixels of the picture, right and bottom exclusive, of where
    alpha is above 1/255; None without a subject.
    """

    coverage: float
    range: tuple[float, float]
    empty: str
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Result(Generic[Cutout]):
    """All that one inference gives.

    `cutout` is of the kind that came in (see `Session.remove`); `mask` is the model's own alpha, (H, W), as
    `Session.mask` gives it.
    """

    cutout: Cutout
    mask: NDArray[np.uint8] | NDArray[np.uint16]
    scene: Scene
    timings: Timings


_TWICE = (0.48, 0.76)  # 0.5 and 1 / (1 + 1/e), and room for what resampling overshoots
_BELOW_ANY_MASK = -1.0


def doubt(activation: str, smallest: float, largest: float) -> str:
    """Why a mask of these values (`Scene.range`) cannot come from a model whose row has this activation; "": it can.

    The sigmoid of what has had one, 0..1, lies in 0.5..0.731 all over the picture, where trained logits reach far to
    both sides. Logits without a sigmoid fall far below 0, which no mask does; down to -1 may be resampling, a network
    that was trained to give 0..1 without being held to it, or tanh.
    """
    if activation == "sigmoid" and _TWICE[0] <= smallest <= largest <= _TWICE[1]:
        return f"sigmoid values all lie between {smallest:.3g} and {largest:.3g}: the graph has a sigmoid already"
    if activation == "none" and smallest < _BELOW_ANY_MASK:
        return f"mask values lie between {smallest:.3g} and {largest:.3g}: the graph has no sigmoid"
    return ""
