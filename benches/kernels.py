"""The first part of the report: each kernel beside its rivals and the memory floor, on one thread and on two."""

from __future__ import annotations

from functools import partial
from typing import Any

import kernel_cases
import rivals
from kernel_cases import Case
from tables import number, picture
from timing import Call, floor, medians

Row = dict[str, Any]
SIZES = [(512, 512), (1080, 1920), (3000, 4000), (6000, 8000)]
OURS, FRESH, FLOOR = "rmbg-fast", "rmbg-fast, fresh", "floor"


def measure(*, quick: bool) -> list[Row]:
    """A row for each kernel, picture and number of threads, `ms` by who took it. Rows of two threads have the `gain`:
    how many times faster two are than one, interleaved with it, in our kernel and in the floor.
    """
    rows = []
    for size in [(270, 480)] if quick else SIZES:
        for case in kernel_cases.cases(kernel_cases.noise(size)):
            case.check()
            rows += measured(case, 2 if quick else 15)
    return rows


def measured(case: Case, rounds: int) -> list[Row]:
    floors = {threads: floor(case.read, case.out, threads) for threads in (1, 2)}
    rows: list[Row] = []
    for threads in (1, 2):
        rivals.use_threads(threads)
        calls = {
            OURS: partial(case.ours, threads, case.out),
            FRESH: partial(case.ours, threads, None),
            FLOOR: floors[threads],
            **{name: rival.call for name, rival in case.rivals(threads).items()},
        }
        rows.append(
            {
                "kernel": case.kernel,
                "picture": case.image.shape[:2],
                "threads": threads,
                "bytes": case.bytes,
                "ms": medians(calls, rounds),
            }
        )
    alone: dict[str, Call] = {OURS: partial(case.ours, 1, case.out), FLOOR: floors[1]}
    both: dict[str, Call] = {f"{OURS}, 2": partial(case.ours, 2, case.out), f"{FLOOR}, 2": floors[2]}
    ms = medians({**alone, **both}, rounds)
    rows[1]["gain"] = {who: ms[who] / ms[f"{who}, 2"] for who in alone}
    return rows


ABOUT = (
    "RGB uint8 pictures of noise, a network of 1024 x 1024, float32; ms, and in brackets how many times as long "
    "as rmbg-fast. Its result goes to a buffer that is reused (`out=`), or with `fresh` to a new one at each call, as "
    "the rivals' does but for fast_image_resize (the resize alone). torch resizes uint8, as it is fastest at. "
    "Pillow and NumPy have one thread; NumPy is `rmbg_fast.reference`, with equal bits. The floor is memcpy of "
    "what is read and of what is written."
)
SECOND_THREAD = "what a second thread gives"
"""Times as fast as one thread. The floor's gain is what the memory allows: a kernel that waits for nothing but the
memory cannot gain more."""


def tables(rows: list[Row]) -> dict[str, list[Row]]:
    made = {}
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        for threads in (1, 2):
            own = [row for row in rows if (row["kernel"], row["threads"]) == (kernel, threads)]
            made[f"{kernel}, {threads} thread{'s' * (threads > 1)}"] = [beside(row) for row in own]
    return {**made, SECOND_THREAD: [gain(row) for row in rows if "gain" in row]}


def about(rows: list[Row]) -> str:
    return ABOUT


def beside(row: Row) -> dict[str, Any]:
    ms = row["ms"]
    line = {
        "picture": picture(row["picture"]),
        FLOOR: ms[FLOOR],
        OURS: ms[OURS],
        "times the floor": f"{ms[OURS] / ms[FLOOR]:.2f}",
        FRESH: ms[FRESH],
    }
    others = [name for name in ms if name not in line]
    return line | {name: f"{number(ms[name])} ({number(ms[name] / ms[OURS])}x)" for name in others}


def gain(row: Row) -> dict[str, Any]:
    return {
        "kernel": row["kernel"],
        "picture": picture(row["picture"]),
        OURS: f"{row['gain'][OURS]:.2f}x",
        "the memory allows": f"{row['gain'][FLOOR]:.2f}x",
    }
