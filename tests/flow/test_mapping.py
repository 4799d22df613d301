"""Many pictures side by side: all come back, in order or as they end, with bounded memory."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbg_fast import Session
from rmbg_fast.errors import ImageError, OptionError
from rmbg_fast.flow import bytes_of_pixels, mapped
from support import flow_models


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("map"))


def test_results_come_in_order_and_are_those_of_single_calls(session: Session) -> None:
    pictures = [flow_models.picture(seed, 20 + 7 * seed, 50) for seed in range(12)]
    outcomes = list(session.map(pictures, lanes=3, on_empty="ignore"))
    assert [outcome.index for outcome in outcomes] == list(range(12))
    for outcome, picture in zip(outcomes, pictures, strict=True):
        assert outcome.item is picture
        assert np.array_equal(outcome.get(), session.remove(picture, on_empty="ignore"))


def test_all_kinds_of_items_and_files_as_results(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(flow_models.png(3))
    whole = session.remove(path.read_bytes(), on_empty="ignore")
    results = [outcome.get() for outcome in session.map([path, path.read_bytes()], format="png", on_empty="ignore")]
    assert results == [whole, whole]
    with pytest.raises(OptionError, match="format"):
        session.map([path], format="doc")


def test_errors_come_with_their_item(session: Session) -> None:
    items = [flow_models.png(), b"broken", flow_models.png(1)]
    first, broken, last = session.map(items, on_empty="ignore")
    assert first.error is last.error is None
    assert broken.item == b"broken"
    assert isinstance(broken.error, ImageError)
    with pytest.raises(ImageError):
        broken.get()
    with pytest.raises(ImageError) as failed:
        list(session.map(items, on_error="raise", on_empty="ignore"))
    assert "item 1" in failed.value.__notes__[0]


def test_endless_source_and_slow_consumer_take_no_more_than_is_allowed() -> None:
    taken = itertools.count()
    outcomes = mapped(taken, lambda item, _: item, lanes=2, ahead=3)
    assert [next(outcomes).get() for _ in range(50)] == list(range(50))
    assert next(taken) <= 50 + 2 + 3


def test_bytes_are_bounded() -> None:
    guard, under_way, most = threading.Lock(), 0, 0

    def items() -> Iterator[int]:
        nonlocal under_way, most
        for size in [10, 10, 10, 95, 10, 200, 10, 10]:
            with guard:
                under_way += size
                most = max(most, under_way)
            yield size

    budget = bytes_of_pixels(100)
    for outcome in mapped(items(), lambda size, _: size, lanes=4, ahead=8, pixels=lambda size: size, budget=budget):
        with guard:
            under_way -= outcome.get()
    assert under_way == 0
    assert most <= 100 + 200  # the next item, which waits for room, included


def test_pixels_are_counted_once_and_handed_to_the_work() -> None:
    counted: list[int] = []

    def pixels(item: int) -> int:
        counted.append(item)
        return 1000 * item

    outcomes = mapped(range(1, 6), lambda item, known: (item, known), lanes=3, ahead=1, pixels=pixels, budget=1)
    assert [outcome.get() for outcome in outcomes] == [(item, 1000 * item) for item in range(1, 6)]
    assert counted == [1, 2, 3, 4, 5]


def test_without_order_what_is_done_comes_first() -> None:
    gate = threading.Event()

    def work(item: int, _: object) -> int:
        if item == 0:
            assert gate.wait(60)
        return item

    outcomes = mapped(range(4), work, lanes=2, ahead=2, ordered=False, pixels=lambda _: 1)
    first = [next(outcomes).item for _ in range(3)]
    gate.set()
    assert (first, [outcome.item for outcome in outcomes]) == ([1, 2, 3], [0])


def test_error_of_the_source_comes_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("the disk is gone")

    outcomes = mapped(items(), lambda item, _: item, lanes=1, pixels=lambda _: 1)
    assert [next(outcomes).get(), next(outcomes).get()] == [1, 2]
    with pytest.raises(LookupError, match="disk"):
        next(outcomes)


def test_who_stops_iterating_stops_the_lanes(tmp_path: Path) -> None:
    endless = Session(flow_models.endless(tmp_path), device="cpu", threads=1, optimize=False, slots=2)
    before = threading.active_count()

    def items() -> Iterator[NDArray[np.uint8]]:
        yield flow_models.picture()
        yield flow_models.picture()
        while endless.stats.running < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    outcomes = endless.map(items())
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    assert endless.stats.cancelled == 2
    assert threading.active_count() == before


@pytest.mark.parametrize("options", [{"lanes": 0}, {"ahead": -5}, {"on_error": "print"}], ids=str)
def test_wrong_options_are_refused(session: Session, options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        session.map([], **options)  # type: ignore[arg-type]


def test_nothing_in_nothing_out(session: Session) -> None:
    assert list(session.map([])) == []
