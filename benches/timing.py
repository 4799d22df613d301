"""How long calls take: medians of calls that take turns, calls a second of threads, and the floor, which is how long
the memory alone takes. All benchmarks measure with these functions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], Any]
T = TypeVar("T")
PATIENCE = 2.0
"""Seconds for all rounds of one call: what is slow gets fewer."""
REPEATS = ((0.02, 4), (0.2, 2))
"""Below so many seconds a call is made so often in its turn: what the caches hold makes a difference to it."""
BLOCK = 128 << 10
"""Bytes that a copy takes at a time: they stay in the second-level cache and make the cost of a step vanish."""


def medians(calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Milliseconds of each call. They take turns, so that all meet the same load. In its turn a call is repeated and
    the last counts: else it would matter who came before and what that left in the caches. The first turn warms up, but
    counts for a call that alone takes more than PATIENCE.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    wanted = dict.fromkeys(calls, rounds)
    for turn in range(rounds + 1):
        for name, call in calls.items():
            if turn > wanted[name]:
                continue
            seconds = timed(call)
            for _ in range(next((count - 1 for limit, count in REPEATS if seconds < limit), 0)):
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


def processor_timed(call: Call) -> Callable[[], float]:
    """The call as one that times itself: milliseconds of processor time."""

    def once() -> float:
        begun = time.process_time()
        call()
        return (time.process_time() - begun) * 1e3

    return once


def in_turns(calls: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What calls that time themselves return, `rounds` times each. They take turns; the first turn warms up."""
    found: dict[str, list[T]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            result = call()
            if turn:
                found[name].append(result)
    return found


def repeated(call: Callable[[], T], seconds: float) -> tuple[float, list[T]]:
    """Milliseconds of a call, the median of as many as `seconds` allow (three at least, after two that warm up), and
    what they returned."""
    for _ in range(2):
        call()
    taken, results = [], []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 3:
        taken.append(timed(lambda: results.append(call())) * 1e3)
    return float(np.median(taken)), results


def calls_per_second(calls: Sequence[Call], seconds: float) -> float:
    """Of threads in a loop, one for each of `calls`, all of them together. They start at once, each after one call."""
    done = [0] * len(calls)
    gate = threading.Barrier(len(calls) + 1)
    end = [float("inf")]  # until the gate opens

    def work(index: int) -> None:
        calls[index]()
        gate.wait()
        while time.perf_counter() < end[0]:
            calls[index]()
            done[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(calls))]
    for worker in workers:
        worker.start()
    gate.wait()
    start = time.perf_counter()
    end[0] = start + seconds
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - start)


def floor(read: list[Array], written: Array, threads: int = 1) -> Call:
    """What no kernel can do without: memcpy of the bytes that are read, and of as many as are written.

    What is read goes block after block to one place that stays in the cache, and what is written comes from one; so the
    memory sees the one reading and the one writing, and no more. Each is a single call of NumPy, which copies a block
    with memcpy and does not hold the GIL meanwhile. With two threads each copies a half at the same time: the
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
    blocks, rest = _blocks(memory)
    step = 64  # a cache line further for each block: NumPy would take targets at one place in another order
    place = np.zeros(step * len(blocks) + BLOCK, np.uint8)
    return [(as_strided(place, blocks.shape, (step, 1)), blocks), (place[: rest.size], rest)]


def _writing(memory: Array) -> list[tuple[Array, Array]]:
    blocks, rest = _blocks(memory)
    place = np.ones(BLOCK, np.uint8)
    return [(blocks, place[: blocks.shape[1]]), (rest, place[: rest.size])]


def _blocks(memory: Array) -> tuple[Array, Array]:
    """Bytes as rows of a block each, and the bytes that are left over."""
    size = max(1, min(BLOCK, memory.size))
    whole = memory.size // size * size
    return memory[:whole].reshape(-1, size), memory[whole:]
