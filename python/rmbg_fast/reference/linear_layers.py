"""Linear layers of tokens with LayerNorm, GELU and residual, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def layer_norm(x: Floats, scale: Floats, shift: Floats, epsilon: float) -> NDArray[np.float64]:
    """LayerNorm of the last axis (Ba et al. 2016, arXiv:1607.06450)."""
    apart = np.asarray(x, np.float64) - np.mean(x, -1, dtype=np.float64, keepdims=True)
    variance = np.mean(apart**2, -1, keepdims=True)
    normed: NDArray[np.float64] = apart / np.sqrt(variance + epsilon) * scale + shift
    return normed


def gelu(x: Floats) -> NDArray[np.float64]:
    """x times the share of the normal distribution below x (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""
    erf = np.vectorize(math.erf, otypes=[np.float64])
    x = np.asarray(x, np.float64)
    values: NDArray[np.float64] = 0.5 * x * (1 + erf(x / math.sqrt(2)))
    return values


def linear_layers(
    x: Floats,
    layers: list[tuple[Floats, Floats]],
    *,
    norm: tuple[Floats, Floats, float] | None = None,
    residual: Floats | None = None,
) -> NDArray[np.float64]:
    """What one layer, or two with GELU between, make of tokens (..., channels).

    A layer is its matrix (inputs, outputs) and its bias (outputs). `norm`, scale, shift and epsilon, is of a LayerNorm
    before them; `residual` (..., outputs) is added to the result.
    """
    y = np.asarray(x, np.float64)
    if norm is not None:
        y = layer_norm(y, *norm)
    for index, (matrix, bias) in enumerate(layers):
        y = (y if index == 0 else gelu(y)) @ np.asarray(matrix, np.float64) + bias
    return y if residual is None else y + residual
