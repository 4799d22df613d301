"""A session works on so many pictures at a time and lets the others wait, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbg_fast import Session
from rmbg_fast.errors import DeadlineError, ImageError, OptionError, QueueFullError, SessionClosedError
from rmbg_fast.flow import admission
from support import flow_models
from support.flow_models import Late


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture
def one_slot(folder: Path) -> Session:
    return flow_models.session(folder, slots=1, max_queued_requests=2)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.002)


def test_no_more_pictures_are_decoded_than_there_are_slots(folder: Path, pool: ThreadPoolExecutor) -> None:
    session = flow_models.session(folder, slots=2)
    files = [Late(seed) for seed in range(6)]
    calls = [pool.submit(session.remove, file, on_empty="ignore") for file in files]
    until(lambda: sum(file.begun.is_set() for file in files) == 2 and session.stats.waiting == 4)
    assert (session.stats.slots, session.stats.running) == (2, 2)
    assert sum(file.begun.is_set() for file in files) == 2
    for file in files:
        file.come.set()
    cutouts = [call.result() for call in calls]
    wanted = [session.remove(flow_models.picture(seed), on_empty="ignore") for seed in range(6)]
    assert all(np.array_equal(one, other) for one, other in zip(cutouts, wanted, strict=True))
    stats = session.stats
    assert (stats.done, stats.running, stats.waiting, stats.most_waiting) == (12, 0, 0, 4)


def test_full_queue_refuses_at_once(one_slot: Session, pool: ThreadPoolExecutor) -> None:
    file = Late()
    calls = [pool.submit(one_slot.remove, file)]
    until(file.begun.is_set)
    calls += [pool.submit(one_slot.mask, flow_models.picture()) for _ in range(2)]
    until(lambda: one_slot.stats.waiting == 2)
    for call in (one_slot.remove, one_slot.mask, one_slot.predict):
        with pytest.raises(QueueFullError, match="max_queued_requests"):
            call(flow_models.picture())
    bulk = pool.submit(one_slot.mask, flow_models.picture(), priority="bulk")  # is never refused
    until(lambda: one_slot.stats.waiting == 3)
    file.come.set()
    for waiting in [*calls, bulk]:
        waiting.result()
    assert one_slot.stats.refused == 3


def test_deadline_passes_while_a_call_waits(one_slot: Session, pool: ThreadPoolExecutor) -> None:
    file = Late()
    holder = pool.submit(one_slot.remove, file)
    until(file.begun.is_set)
    with pytest.raises(DeadlineError):
        one_slot.remove(flow_models.picture(), timeout=0.05)
    with pytest.raises(DeadlineError):
        pool.submit(one_slot.remove, flow_models.picture(), timeout=0.05).result()
    file.come.set()
    holder.result()
    assert (one_slot.stats.late, one_slot.stats.done, one_slot.stats.waiting) == (2, 1, 0)


def test_calls_come_in_order_and_bulk_comes_last(one_slot: Session, pool: ThreadPoolExecutor) -> None:
    first, order, calls = Late(), [], [pool.submit(one_slot.remove, flow_models.png())]
    calls[0].result()
    calls = [pool.submit(one_slot.remove, first)]
    until(first.begun.is_set)

    class Told(Late):
        def read(self, size: int | None = -1, /) -> bytes:
            if not self.begun.is_set():
                order.append(self.name)
            return super().read(size)

    for name, priority in (("bulk", "bulk"), ("one", "interactive"), ("two", "interactive")):
        file: Any = Told()
        file.name, waiting = name, one_slot.stats.waiting
        file.come.set()
        calls.append(pool.submit(one_slot.remove, file, priority=priority))
        until(lambda waiting=waiting: one_slot.stats.waiting == waiting + 1)
    first.come.set()
    for call in calls:
        call.result()
    assert order == ["one", "two", "bulk"]


def test_large_picture_takes_more_slots(
    folder: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "PIXELS_A_SLOT", 1000)  # a picture of 40 x 60 takes three
    session = flow_models.session(folder, slots=4)
    file = Late()
    calls = [pool.submit(session.remove, file)]  # whose size nobody knows: one
    until(file.begun.is_set)
    session.remove(flow_models.picture())
    other = Late(1)
    calls.append(pool.submit(session.remove, other))
    until(other.begun.is_set)
    calls += [pool.submit(session.remove, image) for image in (flow_models.picture(), flow_models.png())]
    until(lambda: session.stats.waiting == 2)
    assert session.stats.running == 2
    file.come.set()
    other.come.set()
    for call in calls:
        call.result()
    huge = flow_models.picture(0, 100, 200)  # more than all
    assert session.remove(huge).shape == (100, 200, 4)


def test_errors_leave_their_place(one_slot: Session) -> None:
    for _ in range(3):
        with pytest.raises(ImageError):
            one_slot.remove(b"no picture")
    assert one_slot.remove(flow_models.picture()).shape == (40, 60, 4)
    assert (one_slot.stats.failed, one_slot.stats.done, one_slot.stats.running) == (3, 1, 0)
    assert one_slot.stats.megapixels == pytest.approx(0.0024)


def test_closed_session_refuses_and_ends_what_is_under_way(one_slot: Session, pool: ThreadPoolExecutor) -> None:
    file = Late()
    call = pool.submit(one_slot.mask, file)
    until(file.begun.is_set)
    one_slot.close()
    with pytest.raises(SessionClosedError):
        one_slot.remove(flow_models.picture())
    file.come.set()
    with pytest.raises(SessionClosedError):
        call.result()  # it had not begun to run


@pytest.mark.parametrize(
    "options", [{"slots": 0}, {"slots": -1}, {"max_queued_requests": -1}], ids=lambda options: next(iter(options))
)
def test_wrong_bounds_are_refused(folder: Path, options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        flow_models.session(folder, **options)


@pytest.mark.parametrize("option", [{"timeout": -1}, {"timeout": "soon"}, {"timeout": float("nan")}, {"priority": "x"}])
def test_wrong_options_of_a_call_are_refused(one_slot: Session, option: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(option))):
        one_slot.remove(flow_models.picture(), **option)


def test_slots_follow_cores_network_and_device() -> None:
    assert admission.slots_for((320, 320), 8, 0) == 8
    assert admission.slots_for((1024, 1024), 8, 0) == 2
    assert admission.slots_for((1024, 1024), 1, 0) == 1
    assert admission.slots_for((1024, 1024), 2, 3) == 4


def test_bounds_travel_with_a_pickled_session(folder: Path) -> None:
    import pickle

    session = flow_models.session(folder, slots=3, max_queued_requests=5)
    assert pickle.loads(pickle.dumps(session)).stats.slots == 3
    assert threading.active_count() < 50
