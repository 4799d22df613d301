"""How long calls take: medians of calls that take turns, and the floor, which is how long the memory alone takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], Any]
PATIENCE = 2.0
"""Seconds for all rounds of one call: what is slow gets fewer."""
BLOCK = 128 << 10
"""Bytes that a copy takes at a time: they stay in the second-level cache and make the cost of a step vanish."""


def medians(calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Milliseconds of each call. They take turns, so that all meet the same load; the first turn warms up, but counts
    for a call that alone takes more than PATIENCE."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    wanted = dict.fromkeys(calls, rounds)
    for turn in range(rounds + 1):
        for name, call in calls.items():
            if turn > wanted[name]:
                continue
            seconds = timed(call)
            if turn or seconds > PATIENCE:
                taken[name].append(seconds * 1e3)
            if turn == 0:
                wanted[name] = min(rounds, int(PATIENCE / max(seconds, 1e-9)))
    return {name: float(np.median(values)) for name, values in taken.items()}


def timed(call: Call) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def floor(read: list[Array], written: Array, threads: int = 1) -> Call:
    """What no kernel can do without: memcpy of the bytes that are read, and of as many as are written.

    What is read goes block after block to one place that stays in the cache, and what is written comes from one; so the
    memory sees the one reading and the one writing, and no more. Each is a single call of NumPy, which copies records
    of a block's size with memcpy and holds no GIL meanwhile. With two threads each copies a half at the same time: the
    difference is what the memory allows a second thread. `written` is not changed; a copy of its size is.
    """
    copies: list[list[tuple[Array, Array]]] = [[] for _ in range(threads)]
    for source in read:
        for own, share in zip(copies, _shares(source, threads), strict=True):
            own += _reading(share)
    for own, share in zip(copies, _shares(np.empty_like(written), threads), strict=True):
        own += _writing(share)
    pool = ThreadPoolExecutor(max(1, threads - 1))

    def copy(pairs: list[tuple[Array, Array]]) -> None:
        for target, source in pairs:
            np.copyto(target, source)

    def run() -> None:
        others = [pool.submit(copy, pairs) for pairs in copies[1:]]
        copy(copies[0])
        for other in others:
            other.result()

    return run


def _shares(array: Array, count: int) -> list[Array]:
    return np.array_split(np.ascontiguousarray(array).reshape(-1).view(np.uint8), count)


def _reading(memory: Array) -> list[tuple[Array, Array]]:
    blocks, rest, place = _blocks(memory)
    return [(as_strided(place, blocks.shape, (0,)), blocks), (place.view(np.uint8)[: rest.size], rest)]


def _writing(memory: Array) -> list[tuple[Array, Array]]:
    blocks, rest, place = _blocks(memory)
    return [(blocks, place), (rest, place.view(np.uint8)[: rest.size])]


def _blocks(memory: Array) -> tuple[Array, Array, Array]:
    """Bytes as records of a block's size, the bytes that are left over, and a place for one block."""
    size = max(1, min(BLOCK, memory.size))
    whole = memory.size // size * size
    record = np.dtype(f"V{size}")
    return memory[:whole].view(record), memory[whole:], np.ones(size, np.uint8).view(record)
