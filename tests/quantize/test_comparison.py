"""Figures of a report against what is computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rmbg_fast._quantize.comparison import Run, difference, times, verdict


def test_difference_of_two_masks() -> None:
    reference = np.array([[0.0, 0.5, 1.0, 0.75]], np.float32)
    mask = np.array([[0.25, 0.5, 0.25, 1.0]], np.float32)
    found = difference(mask, reference)
    assert found.mean == pytest.approx((0.25 + 0 + 0.75 + 0.25) / 4 * 255)
    assert found.largest == pytest.approx(0.75 * 255)
    assert found.iou == pytest.approx(2 / 3)  # both: second and last; either: third too


def test_masks_without_a_subject_agree() -> None:
    assert difference(np.zeros((2, 2), np.float32), np.full((2, 2), 0.25, np.float32)).iou == 1
    assert difference(np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)).iou == 0


def test_times_are_medians_of_runs_in_turn() -> None:
    order: list[str] = []
    taken = {"a": iter([99.0, 1.0, 5.0, 3.0]), "b": iter([99.0, 2.0, 2.0, 8.0])}

    def run(name: str) -> Run:
        def one(pixels: object) -> tuple[Any, float]:
            order.append(name)
            return np.zeros((1, 1), np.float32), next(taken[name])

        return one

    assert times({name: run(name) for name in taken}, None, rounds=3) == {"a": 3.0, "b": 2.0}
    assert order == ["a", "b"] * 4


def test_verdict_says_plainly_what_is_slower() -> None:
    faster, slower = verdict("int8", 100.0, {"the old": 150.0, "ours": 80.0})
    assert faster == "int8 is 1.50 times as fast here as the old."
    assert slower == (
        "int8 is SLOWER here than ours, which it replaces: it takes 1.25 times as long. On this machine keep the "
        "original."
    )
