"""The box of a subject, against the reference and its definition."""

from __future__ import annotations

import numpy as np
import pytest

from rmbg_fast import errors, ops, reference
from support.layouts import LAYOUTS


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_it_holds_all_that_shows_and_no_more(dtype: str) -> None:
    rng = np.random.default_rng(8)
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    least = np.nextafter(np.float32(1 / 255), np.float32(1)) if dtype == "float32" else top // 255 + 1
    for _ in range(30):
        alpha = np.full((rng.integers(1, 40), rng.integers(1, 40)), top / 255, np.float64).astype(dtype)
        assert ops.subject_box(alpha) is reference.subject_box(alpha) is None
        for _ in range(rng.integers(1, 4)):
            alpha[rng.integers(len(alpha)), rng.integers(alpha.shape[1])] = least
        box = ops.subject_box(alpha)
        assert box is not None
        assert box == reference.subject_box(alpha)
        left, upper, right, lower = box
        outside = alpha.copy()
        outside[upper:lower, left:right] = 0
        assert not (outside >= least).any()
        assert (alpha[[upper, lower - 1]] >= least).any(axis=1).all()
        assert (alpha[:, [left, right - 1]] >= least).any(axis=0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout: str, dtype: str) -> None:
    alpha = np.zeros((19, 23), dtype)
    alpha[4:9, 7:15] = 1 if dtype == "float32" else np.iinfo(dtype).max
    assert ops.subject_box(alpha) == (7, 4, 15, 9)
    lying_otherwise = LAYOUTS[layout](alpha)
    assert ops.subject_box(lying_otherwise) == reference.subject_box(lying_otherwise)


def test_what_is_no_number_does_not_show() -> None:
    alpha = np.full((3, 4), np.nan, np.float32)
    assert ops.subject_box(alpha) is reference.subject_box(alpha) is None
    alpha[1] = [np.nan, 0.5, np.nan, -np.inf]
    assert ops.subject_box(alpha) == reference.subject_box(alpha) == (1, 1, 2, 2)
    alpha[2, 3] = np.inf
    assert ops.subject_box(alpha) == reference.subject_box(alpha) == (1, 1, 4, 3)


@pytest.mark.parametrize(
    "alpha", [np.zeros((3, 4, 3), np.uint8), np.zeros(5, np.uint8), np.zeros((3, 4)), np.zeros((0, 4), np.uint8), "x"]
)
def test_what_is_no_alpha(alpha: object) -> None:
    for functions in (ops, reference):
        with pytest.raises(errors.ImageError):
            functions.subject_box(alpha)  # type: ignore[arg-type]
