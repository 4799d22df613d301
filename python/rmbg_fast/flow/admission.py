"""A session's gate: how many calls it works on at a time, how many may wait, and what it has seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .. import _core
from .._arguments import whole_of
from .._images.sizes import pixels_of
from ..errors import CancelledError, DeadlineError, OptionError

Priority: TypeAlias = Literal["interactive", "bulk"]

PIXELS_A_SLOT = 25_000_000
"""A larger picture takes more slots: at 25 megapixels, pixels, mask and result come to some 200 MB."""
SECONDS_A_PIXEL = 15e-9
"""Of one core, decoding, cutting and encoding: so much earlier is it a picture's turn."""
_MOST_EARLIER = 0.5  # seconds
_LARGE = 512 * 512  # a network's input; a run of one that is larger takes hundreds of megabytes
_LARGE_AT_ONCE = 2
_LONGEST = 1e9  # seconds


@dataclass(frozen=True, slots=True)
class Stats:
    """What a session has to do, and what it has done since it was made.

    `running` calls are inside at the moment, of at most `slots`; `waiting` wait, and the most that ever did were
    `most_waiting`. Of the calls that ended `done` gave a result and `failed` an error; `late` missed their deadline and
    `cancelled` were stopped; `refused` found the queue full. `megapixels` is the size of all that are done.
    """

    slots: int
    running: int
    waiting: int
    most_waiting: int
    done: int
    failed: int
    late: int
    cancelled: int
    refused: int
    megapixels: float


def slots_for(input_size: tuple[int, int], cores: int, device_runs: int) -> int:
    """How many calls a session works on at a time where nobody says it: a call a core; two of a large network, as each
    run needs its memory; enough to keep a device at work."""
    if device_runs:
        return max(cores, device_runs + 1)
    height, width = input_size
    return min(cores, _LARGE_AT_ONCE) if height * width > _LARGE else cores


class Admission:
    """The gate of one session. `queue` calls may wait, None: any number. Raises OptionError."""

    def __init__(self, slots: int, queue: int | None) -> None:
        if slots < 1:
            raise OptionError(f"slots must be at least 1, not {slots}")
        if queue is not None and queue < 0:
            raise OptionError(f"max_queued_requests must be at least 0, or None, not {queue}")
        self.gate = _core.Gate(slots, -1 if queue is None else queue)
        self._guard = threading.Lock()
        self._here = threading.local()
        self._ended = {"done": 0, "failed": 0, "late": 0, "cancelled": 0}
        self._pixels = 0

    def join(self, pixels: int | None, *, timeout: float | None, priority: Priority, for_lane: bool) -> _core.Call:
        """A place for a picture of so many pixels. Raises QueueFullError and OptionError."""
        here = not for_lane and threading.current_thread() is threading.main_thread()
        weight = min(1 + ((pixels or 1) - 1) // PIXELS_A_SLOT, self.gate.slots)
        earlier = min((pixels or 0) * SECONDS_A_PIXEL, _MOST_EARLIER)
        return self.gate.join(weight, bulk_of(priority), for_lane, earlier, seconds_of(timeout), here)

    def admitted(self, image: Any, timeout: float | None, priority: Priority) -> AbstractContextManager[None]:
        """`held` for a picture of any kind."""
        return self.held(pixels_of(image), timeout, priority, set())

    @contextmanager
    def held(
        self, pixels: int | None, timeout: float | None, priority: Priority, calls: set[_core.Call]
    ) -> Iterator[None]:
        """Inside of it a picture of so many pixels is worked on, and its native work may be stopped; `calls` holds the
        call meanwhile. A thread that is inside needs no other place. Raises QueueFullError, DeadlineError, OptionError.
        """
        if getattr(self._here, "inside", False):
            yield
            return
        call = self.join(pixels, timeout=timeout, priority=priority, for_lane=False)
        calls.add(call)
        try:
            with self.inside(pixels, call):
                yield
        finally:
            calls.discard(call)

    @contextmanager
    def inside(self, pixels: int | None, call: _core.Call) -> Iterator[None]:
        """Inside of it this thread works on the picture of a call whose turn has come, or waits for it first."""
        try:
            with self.counted(pixels), call:
                self._here.inside = True
                yield
        finally:
            self._here.inside = False

    @contextmanager
    def counted(self, pixels: int | None) -> Iterator[None]:
        """Counts how what is inside of it ends."""
        end = "failed"
        try:
            yield
            end = "done"
        except DeadlineError:
            end = "late"
            raise
        except (CancelledError, KeyboardInterrupt):
            end = "cancelled"
            raise
        finally:
            with self._guard:
                self._ended[end] += 1
                self._pixels += (pixels or 0) if end == "done" else 0

    def stats(self) -> Stats:
        with self._guard:
            ended, pixels = dict(self._ended), self._pixels
        counts = self.gate.counts()
        return Stats(
            slots=self.gate.slots,
            running=counts["running"],
            waiting=counts["waiting"],
            most_waiting=counts["most_waiting"],
            refused=counts["refused"],
            megapixels=pixels / 1e6,
            **ended,
        )


def seconds_of(timeout: float | None) -> float | None:
    """Raises OptionError."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout <= _LONGEST:
        raise OptionError(f"timeout must be a number of seconds, 0 or more, or None, not {timeout!r}")
    return float(timeout)


def bulk_of(priority: str) -> bool:
    """Raises OptionError."""
    if priority not in ("interactive", "bulk"):
        raise OptionError(f"priority must be 'interactive' or 'bulk', not {priority!r}")
    return priority == "bulk"


def count_of(value: int, name: str) -> int:
    """A whole number of at least 1. Raises OptionError."""
    count = whole_of(value, name)
    if count < 1:
        raise OptionError(f"{name} must be at least 1, not {value}")
    return count
