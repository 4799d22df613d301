"""Memory of results: taken again when an array has died, bounded, whole in forked children and from many threads."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rmbg_fast
from rmbg_fast import _core, ops
from support.tiny_models import mean_of_channels, tiny

PAGE = 2 << 20
MOST = 256 << 20


@pytest.fixture(autouse=True)
def empty_pool() -> Iterator[None]:
    gc.collect()
    rmbg_fast.trim()
    yield
    gc.collect()
    rmbg_fast.trim()


def place(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def test_a_dead_arrays_memory_is_taken_again() -> None:
    first = _core.new_array("uint8", (1500, 1000, 4))
    where = place(first)
    assert where % PAGE == 0
    assert first.flags.writeable
    assert first.flags.c_contiguous
    first[:] = 7
    view = first[10:20]
    del first
    assert _core.idle_bytes() == 0  # a view of it lives
    assert (view == 7).all()
    del view
    assert _core.idle_bytes() == 3 * PAGE
    smaller = _core.new_array("uint16", (1000, 1000, 2))  # 2 pages where 3 are idle
    assert place(smaller) == where
    assert _core.idle_bytes() == 0


def test_small_arrays_and_much_larger_memory_are_left_out() -> None:
    small = _core.new_array("uint8", (1000, 1000))
    assert small.flags.owndata
    large = _core.new_array("uint8", (40, PAGE))
    del large
    other = _core.new_array("uint8", (2, PAGE))
    assert _core.idle_bytes() == 40 * PAGE
    del other
    assert rmbg_fast.trim() == 42 * PAGE
    assert _core.idle_bytes() == rmbg_fast.trim() == 0


def test_idle_memory_is_bounded() -> None:
    arrays = [_core.new_array("uint8", (40, PAGE)) for _ in range(6)]
    places = [place(array) for array in arrays]
    while arrays:
        arrays.pop(0)
    assert _core.idle_bytes() == 3 * 40 * PAGE <= MOST
    kept = [_core.new_array("uint8", (40, PAGE)) for _ in range(3)]
    assert sorted(map(place, kept)) == sorted(places[3:])  # what was used last
    huge = _core.new_array("uint8", (MOST + 1,))
    del huge
    assert _core.idle_bytes() == 0


def test_idle_memory_adds_no_more_than_an_eighth_to_what_was_in_use() -> None:
    large = [_core.new_array("uint8", (40, PAGE)) for _ in range(2)]
    places = {place(array) for array in large}
    large.clear()
    kept = [_core.new_array("uint8", (20, PAGE))]  # 80 are idle: no more than 90 shall there be
    assert place(kept[0]) in places
    for _ in range(2):
        kept.append(_core.new_array("uint8", (4, PAGE)))
        assert place(kept[-1]) not in places  # which are more than eight times as large
        assert _core.idle_bytes() == 40 * PAGE
    kept.append(_core.new_array("uint8", (4, PAGE)))
    assert _core.idle_bytes() == 0
    kept.clear()
    assert rmbg_fast.trim() == 52 * PAGE


@pytest.mark.parametrize("shape", [(2**40, 2**40), (-1, 4), (2**62,)])
def test_impossible_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises((rmbg_fast.RmbgError, MemoryError)):
        _core.new_array("uint8", shape)


def test_results_come_from_it() -> None:
    image, mask = np.zeros((900, 900, 3), np.uint8), np.random.default_rng(0).random((40, 40), np.float32)
    result = ops.cutout(image, mask)
    where = place(result)
    del result
    assert place(ops.cutout(image, mask)) == where
    copy = pickle.loads(pickle.dumps(ops.cutout(image, mask)))
    np.testing.assert_array_equal(copy, ops.cutout(image, mask))


def test_a_closed_session_gives_it_back(tmp_path: Path) -> None:
    session = rmbg_fast.Session(tiny(tmp_path / "grey.onnx", mean_of_channels()), device="cpu")
    photo = np.random.default_rng(1).integers(0, 256, (900, 900, 3), np.uint8)
    result = session.remove(photo)
    where = place(result)
    del result
    assert place(session.remove(photo)) == where
    assert _core.idle_bytes() > 0
    session.close()
    assert _core.idle_bytes() == 0


def test_many_threads() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        kept: list[Any] = []
        for _ in range(150):
            array = _core.new_array("uint8", (int(rng.integers(1, 6)), PAGE))
            array[:, ::4096] = number
            kept.append(array)
            if len(kept) > 3:
                old = kept.pop(int(rng.integers(0, 3)))
                if not (old[:, ::4096] == number).all():
                    wrong.append(number)
            if rng.integers(0, 20) == 0:
                rmbg_fast.trim()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _in_child(queue: Any, where: int) -> None:
    array = _core.new_array("uint8", (2, PAGE))
    array[:] = 9
    same = place(array) == where
    del array
    queue.put((same, rmbg_fast.trim()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own() -> None:
    array = _core.new_array("uint8", (2, PAGE))
    array[:] = 5
    where = place(array)
    del array
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            _core.new_array("uint8", (3, PAGE))

    others = [threading.Thread(target=busy) for _ in range(2)]
    for other in others:
        other.start()
    context = multiprocessing.get_context("fork")
    try:
        for _ in range(5):
            queue = context.Queue()
            child = context.Process(target=_in_child, args=(queue, where))
            child.start()
            _, given = queue.get(timeout=60)
            child.join(60)
            assert child.exitcode == 0
            assert given >= 2 * PAGE
    finally:
        stop.set()
        for other in others:
            other.join()


def test_arrays_that_outlive_all() -> None:
    code = (
        "import sys, threading, numpy as np; from rmbg_fast import _core\n"
        "sys.kept = [_core.new_array('uint8', (3, 1 << 21)) for _ in range(9)]\n"
        "def go():\n    while True: _core.new_array('uint8', (3, 1 << 21))\n"
        "[threading.Thread(target=go, daemon=True).start() for _ in range(3)]\n"
    )
    for _ in range(5):
        assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
