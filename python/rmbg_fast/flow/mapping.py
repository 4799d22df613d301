"""Many items worked on side by side: each lane takes one from its beginning to its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, Literal, TypeAlias, TypeVar

from .._images.sizes import pixels_of
from ..errors import OptionError
from .admission import count_of

OnError: TypeAlias = Literal["yield", "raise"]
Item = TypeVar("Item")
Result = TypeVar("Result")

BUDGET = 1 << 29
"""Bytes that the items under way, and the results that nobody has taken, may come to; one item always goes."""
_BYTES_A_PIXEL = 11  # decoded, the mask, and the cut-out
_AHEAD = 4
_PATIENCE = 10  # seconds for what cannot be stopped, such as Pillow's decoding
_UNKNOWN = 12_000_000  # pixels of a picture whose header says nothing


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Result]):
    """What became of an item: a result, or the error that it met. `index` counts the items as they came."""

    index: int
    item: Item
    result: Result | None
    error: Exception | None = None

    def get(self) -> Result:
        """The result. Raises the error where there is none."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


def bytes_of_pixels(pixels: int | None) -> int:
    """What a picture of so many pixels takes while it is worked on; None: nobody knows how many."""
    return _BYTES_A_PIXEL * (pixels or _UNKNOWN)


def mapped(
    items: Iterable[Item],
    work: Callable[[Item, int | None], Result],
    *,
    lanes: int,
    ahead: int | None = None,
    ordered: bool = True,
    on_error: OnError = "yield",
    pixels: Callable[[Item], int | None] = pixels_of,
    budget: int = BUDGET,
    cancel: Callable[[], None] = lambda: None,
) -> Iterator[Outcome[Item, Result]]:
    """The outcome of `work(item, pixels(item))` for each item, in their order or, not `ordered`, as they end.

    `lanes` threads work. Items are taken in the thread that iterates, and no more than `ahead` (None: four for each
    lane, so that one large picture does not hold up those behind it) beyond those that the lanes work on, nor more than
    `budget` bytes, by the pixels of each, which are asked for once, in that thread. So neither an endless source nor a
    slow consumer fills the memory. An error comes as an outcome, or is raised with `on_error="raise"`; one of `items`
    itself is raised once all that came before is done. Who stops iterating drops what waits, and has `cancel` called,
    which stops what is under way. Raises OptionError.
    """
    if on_error not in ("yield", "raise"):
        raise OptionError(f"on_error must be 'yield' or 'raise', not {on_error!r}")
    count = count_of(lanes, "lanes")
    room = count + (_AHEAD * count if ahead is None else ahead)
    if room < count:
        raise OptionError(f"ahead must be at least 0, not {ahead}")
    return _outcomes(iter(items), _Lanes(work, count), room, ordered, on_error, pixels, budget, cancel)


def _outcomes(
    source: Iterator[Item],
    lanes: _Lanes[Item, Result],
    room: int,
    ordered: bool,
    on_error: OnError,
    pixels: Callable[[Item], int | None],
    budget: int,
    cancel: Callable[[], None],
) -> Iterator[Outcome[Item, Result]]:
    held: list[tuple[Item, int | None]] = []  # the next item, where the budget has no room for it yet
    failure: Exception | None = None
    more, finished = True, False
    try:
        while True:
            while more and lanes.items < room:
                if not held:
                    try:
                        item = next(source)
                    except StopIteration:
                        more = False
                        break
                    except Exception as exc:
                        failure, more = exc, False
                        break
                    held.append((item, pixels(item)))
                if lanes.items and lanes.bytes + bytes_of_pixels(held[0][1]) > budget:
                    break
                lanes.put(*held.pop())
            if not lanes.items:
                break
            outcome = lanes.take(ordered)
            if outcome.error is not None and on_error == "raise":
                outcome.error.add_note(f"item {outcome.index} of those that were mapped")
                raise outcome.error
            yield outcome
        finished = True
    finally:
        lanes.end()
        if not finished:
            cancel()
            lanes.join()
    if failure is not None:
        raise failure


class _Lanes(Generic[Item, Result]):
    """The threads of one `mapped`, which end with it. `items` and `bytes` are those put in and not taken out."""

    def __init__(self, work: Callable[[Item, int | None], Result], count: int) -> None:
        self.items = 0
        self.bytes = 0
        self._work, self._count = work, count
        self._waiting: SimpleQueue[tuple[int, Item, int | None] | None] = SimpleQueue()  # None: a lane's end
        self._ended: SimpleQueue[Outcome[Item, Result] | BaseException] = SimpleQueue()
        self._done: dict[int, Outcome[Item, Result]] = {}  # ended, but not taken
        self._sizes: dict[int, int] = {}
        self._put = self._taken = 0
        self._threads: list[threading.Thread] = []

    def put(self, item: Item, pixels: int | None) -> None:
        size = self._sizes[self._put] = bytes_of_pixels(pixels)
        self._waiting.put((self._put, item, pixels))
        self._put += 1
        self.items += 1
        self.bytes += size
        if len(self._threads) < min(self._count, self._put):
            name = f"rmbg-fast map {len(self._threads)}"
            self._threads.append(threading.Thread(target=self._lane, name=name, daemon=True))
            self._threads[-1].start()

    def take(self, ordered: bool) -> Outcome[Item, Result]:
        while not (self._taken in self._done if ordered else self._done):
            ended = self._ended.get()
            if isinstance(ended, BaseException):
                raise ended
            self._done[ended.index] = ended
        outcome = self._done.pop(self._taken if ordered else next(iter(self._done)))
        self._taken += 1
        self.items -= 1
        self.bytes -= self._sizes.pop(outcome.index)
        return outcome

    def end(self) -> None:
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        for _ in self._threads:
            self._waiting.put(None)

    def join(self) -> None:
        """Waits until nothing is under way, unless the interpreter ends."""
        for thread in self._threads:
            if not sys.is_finalizing():
                thread.join(_PATIENCE)

    def _lane(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            index, item, pixels = waiting
            outcome: Outcome[Item, Result]
            try:
                outcome = Outcome(index, item, self._work(item, pixels))
            except Exception as exc:
                outcome = Outcome(index, item, None, exc)
            except BaseException as exc:  # SystemExit and its like: the end of the whole
                self._ended.put(exc)
                return
            self._ended.put(outcome)
            del waiting, item, outcome  # they may be large, and this lane may wait
