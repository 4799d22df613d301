"""The third part of the report: pictures of all sizes and shapes, and the first picture of a size beside later ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import kernel_cases
import numpy as np
from kernel_cases import SIZE, Case
from tables import picture
from timing import Array, floor, medians, timed

from rmbg_fast import ops

Row = dict[str, Any]
SHAPES = [
    *((side, side) for side in (16, 63, 64, 257, 511, 512, 513, 1023, 1024, 1025)),
    *((1079, 1919), (1080, 1920), (1081, 1921), (2047, 2049), (2999, 3999), (3000, 4000), (3001, 4001)),
    *((4999, 7001), (6000, 8000), (8000, 10000)),
    *((40, 8000), (8000, 40), (1, 10000), (10000, 1), (333, 9001), (9001, 333)),
]
"""(height, width); the last six are far from square."""
SMALL = 250_000
"""Pixels; below, the start of a call counts for much, and it is not asked that a byte takes no longer than beyond."""
CHECKED = 1_000_000
"""Pixels; beyond, the comparison with the reference would take longer than all else. kernels.py compares large ones."""


def measure(*, quick: bool) -> list[Row]:
    """A row for each size and kernel: `ms`, `floor` in ms, and `bytes`, those that have to move."""
    shapes = [(16, 16), (63, 64), (40, 200), (257, 255)] if quick else SHAPES
    pixels = kernel_cases.noise((max(height * width for height, width in shapes), 1))
    rows = []
    for height, width in shapes:
        image = pixels[: height * width].reshape(height, width, 3)
        for case in kernel_cases.cases(image):
            if height * width <= CHECKED:
                assert np.array_equal(case.ours(1, case.out), case.reference()), f"{case.kernel}, {width} x {height}"
            rows.append(measured(case, 2 if quick else 15))
    return rows


def measured(case: Case, rounds: int) -> Row:
    ms = medians({"ours": lambda: case.ours(1, case.out), "floor": floor(case.read, case.out)}, rounds)
    return {
        "kernel": case.kernel,
        "picture": case.image.shape[:2],
        "bytes": case.bytes,
        "ms": ms["ours"],
        "floor": ms["floor"],
    }


def per_byte(row: Row) -> float:
    """Picoseconds."""
    return float(row["ms"] * 1e9 / row["bytes"])


def best(rows: list[Row], kernel: str) -> float:
    """Picoseconds per byte of the size that takes the fewest, beyond the smallest sizes."""
    own = [row for row in rows if row["kernel"] == kernel]
    large = [row for row in own if row["picture"][0] * row["picture"][1] >= SMALL]
    return min(per_byte(row) for row in large or own)


def tables(rows: list[Row]) -> dict[str, list[Row]]:
    kernels = list(dict.fromkeys(row["kernel"] for row in rows))
    bests = {kernel: best(rows, kernel) for kernel in kernels}
    lines: dict[tuple[int, int], Row] = {}
    for row in rows:
        taken = per_byte(row)
        cell = f"{taken:.0f} / {taken / bests[row['kernel']]:.2f} / {row['ms'] / row['floor']:.2f}"
        lines.setdefault(row["picture"], {"picture": picture(row["picture"])})[row["kernel"]] = cell
    return {"pictures of all sizes": list(lines.values())}


def about(rows: list[Row]) -> str:
    return (
        "One thread, `out=`. Picoseconds for each byte that has to move / times the best of the pictures with "
        f"{SMALL / 1e6} megapixels or more / times the floor."
    )


# --- the first picture of a size


FIRST: dict[str, Callable[..., Any]] = {
    "preprocess, bilinear": partial(ops.preprocess, size=SIZE, rounding="truncate"),
    "preprocess, antialiased": partial(ops.preprocess, size=SIZE, resample="triangle", rounding="nearest"),
    "preprocess, pillow-lanczos": partial(ops.preprocess, size=SIZE, resample="pillow-lanczos"),
    "min-max, mask, blend": partial(ops.cutout, mask=kernel_cases.subject()),
    "min-max, mask (pillow-lanczos), blend": partial(
        ops.cutout, mask=kernel_cases.subject(), resample="pillow-lanczos"
    ),
}


def first_calls(*, quick: bool) -> list[Row]:
    """The median of first calls with sizes that no call has had, and of later calls with the same sizes.

    The sizes are those of views of one picture and one result, each a pixel smaller than the last: so the memory is as
    warm at the first call as it is later, and what differs is the making of the tables.
    """
    rows = []
    for size in [(130, 190)] if quick else [(500, 700), (1110, 1950), (3050, 4050)]:
        image = kernel_cases.noise(size)
        cut = np.zeros((*size, 4), np.uint8)
        for kernel, call in FIRST.items():
            out = kernel_cases.tensor() if kernel.startswith("preprocess") else cut
            row = {"kernel": kernel, "picture": size, **first_and_later(call, image, out, 3 if quick else 15)}
            rows.append(row)
    return rows


def first_and_later(call: Callable[..., Any], image: Array, out: Array, sizes: int) -> dict[str, float]:
    call(image, out=out)
    first, later = [], []
    for less in range(1, sizes + 1):
        smaller = image[less:, less:]
        place = out[less:, less:] if out.ndim == 3 else out
        first.append(timed(partial(call, smaller, out=place)))
        later += [timed(partial(call, smaller, out=place)) for _ in range(3)]
    return {"first": float(np.median(first)) * 1e3, "later": float(np.median(later)) * 1e3}


def tables_of_first(rows: list[Row]) -> dict[str, list[Row]]:
    lines = [
        {
            "kernel": row["kernel"],
            "picture": "about " + picture(row["picture"]),
            "first, ms": row["first"],
            "later, ms": row["later"],
            "times": f"{row['first'] / row['later']:.2f}",
        }
        for row in rows
    ]
    return {"the first picture of a size": lines}


def about_first(rows: list[Row]) -> str:
    return (
        "Tables of taps and weights are made at the first call with a size, and kept. One thread, `out=`, sizes that "
        "no call has had before."
    )
