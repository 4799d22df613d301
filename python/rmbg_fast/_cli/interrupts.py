"""Ctrl-C in a run of many images: the first lets those under way end, the second stops them."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from .options import say


class Interrupts:
    """While it is entered, `asked` says whether Ctrl-C was pressed, to which the user is told `answer`; pressed again,
    it raises KeyboardInterrupt."""

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.asked = False
        self._before: Any = None

    @property
    def code(self) -> int:
        """The exit code: 130 where it was asked, else 0."""
        return 130 if self.asked else 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is signal.default_int_handler:  # else it is somebody's, or to be ignored
                signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        say(f"interrupted: {self._answer}")
