"""Colours as words and as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rmbg_fast._images import colours
from rmbg_fast.errors import OptionError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("white", (255, 255, 255)),
        (" Red ", (255, 0, 0)),
        ("#fc0", (255, 204, 0)),
        ("#ffcc01", (255, 204, 1)),
        ("ffcc01", (255, 204, 1)),
        ("#ffcc01ff", (255, 204, 1)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ((1, 2, 3), (1, 2, 3)),
        (np.array([1, 2, 3]), (1, 2, 3)),
    ],
)
def test_colour(value: Any, expected: tuple[int, int, int]) -> None:
    assert colours.parse_colour(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "whitish",
        "#ff",
        "#ffcc0180",
        "rgb(1,2)",
        (1, 2),
        (1, 2, 3, 4),
        (1, 2, 256),
        (-1, 2, 3),
        (0.5, 0, 0),
        7,
        None,
    ],
)
def test_bad_colour(value: Any) -> None:
    with pytest.raises(OptionError, match="is no opaque colour"):
        colours.parse_colour(value)
