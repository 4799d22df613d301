"""The core's unfiltering of PNG rows against a plain twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rmbg_fast import _core
from rmbg_fast.errors import ImageError, OptionError
from support.png16 import RNG, unfiltered


@pytest.mark.parametrize("pixel_bytes", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (23, 17)])
def test_unfiltering_equals_the_plain_twin(size: tuple[int, int], pixel_bytes: int) -> None:
    for _ in range(3):
        rows = RNG.integers(0, 256, (size[0], 1 + size[1] * pixel_bytes), dtype=np.uint8)
        rows[:, 0] = RNG.integers(0, 5, size[0])
        plain = np.empty((size[0], size[1] * pixel_bytes), np.uint8)
        assert _core.png_unfilter(rows, pixel_bytes, plain) == size[0]
        np.testing.assert_array_equal(plain, unfiltered(rows, pixel_bytes))


@pytest.mark.parametrize("kind", range(5))
def test_extreme_bytes(kind: int) -> None:
    rows = RNG.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), (40, 1 + 6 * 40))
    rows[:, 0] = kind
    plain = np.empty((40, 6 * 40), np.uint8)
    assert _core.png_unfilter(rows, 6, plain) == 40
    np.testing.assert_array_equal(plain, unfiltered(rows, 6))


@pytest.mark.parametrize(("row", "kind"), [(0, 5), (3, 255)])
def test_unfiltering_stops_at_an_unknown_type(row: int, kind: int) -> None:
    rows = np.zeros((5, 13), np.uint8)
    rows[row, 0] = kind
    plain = np.full((5, 12), 7, np.uint8)
    assert _core.png_unfilter(rows, 6, plain) == row
    assert (plain[:row] == 0).all()
    assert (plain[row:] == 7).all()


@pytest.mark.parametrize(
    ("rows", "pixel_bytes", "out", "error"),
    [
        (np.zeros((2, 13), np.uint8), 5, np.zeros((2, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 0, np.zeros((2, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 8, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros((2, 0), np.uint8), 2, np.zeros((2, 0), np.uint8), ImageError),
        (np.zeros((2, 13), np.uint16), 6, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros(13, np.uint8), 6, np.zeros((1, 12), np.uint8), ImageError),
        (np.zeros((2, 26), np.uint8)[:, ::2], 6, np.zeros((2, 12), np.uint8), ImageError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 11), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((1, 12), np.uint8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 12), np.int8), OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.zeros((2, 13), np.uint8)[:, 1:], OptionError),
        (np.zeros((2, 13), np.uint8), 6, np.frombuffer(bytes(24), np.uint8).reshape(2, 12), OptionError),
    ],
)
def test_unfiltering_checks_its_arrays(rows: Any, pixel_bytes: int, out: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _core.png_unfilter(rows, pixel_bytes, out)


def test_unfiltering_in_place_is_refused() -> None:
    memory = np.zeros(26, np.uint8)
    with pytest.raises(OptionError, match="overlaps"):
        _core.png_unfilter(memory.reshape(2, 13), 6, memory[:24].reshape(2, 12))
