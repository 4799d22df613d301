"""What takes long to make, kept for the next caller: the sessions of `remove`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """At most `most` things by key, those used last. Each is made once, however many ask for it at the same time, and
    nobody waits for a thing of another key. What fails to be made is not kept; all who waited for it get its error.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._things: dict[Hashable, _Thing[T]] = {}  # the one used last stands last
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: (forked() or _nothing)())

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of `key`, made by `make` where there is none. Raises what `make` raises."""
        while True:
            with self._guard:
                thing = self._things.pop(key, None)
                first = thing is None
                thing = thing or _Thing()
                self._things[key] = thing
            if first:
                return self._made(key, thing, make)
            thing.ended.wait()
            if thing.error is not None:
                raise thing.error
            if thing.values:
                return thing.values[0]
            # Whoever was making it was interrupted.

    def _made(self, key: Hashable, thing: _Thing[T], make: Callable[[], T]) -> T:
        try:
            value = make()
            thing.values.append(value)
            return value
        except Exception as exc:
            thing.error = exc
            raise
        finally:
            with self._guard:
                if self._things.get(key) is thing:
                    del self._things[key]
                    if thing.values:
                        self._things[key] = thing  # used last, however long it took
                ready = [known for known, one in self._things.items() if one.values]
                for known in ready[: max(len(ready) - self._most, 0)]:
                    del self._things[known]
            thing.ended.set()

    def _forked(self) -> None:
        """The threads that were making something stayed in the parent."""
        self._guard = threading.Lock()
        self._things = {key: thing for key, thing in self._things.items() if thing.values}


class _Thing(Generic[T]):
    def __init__(self) -> None:
        self.ended = threading.Event()
        self.values: list[T] = []  # none, or the one
        self.error: Exception | None = None


def _nothing() -> None:
    pass
