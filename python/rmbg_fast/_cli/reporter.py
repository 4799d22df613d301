"""What a run of `rmbg-fast remove` tells: lines, a bar with rates and the time left, and a file of JSON lines."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from .._runtime import terminal
from ..errors import OutputError, RmbgError
from . import streams
from .cutting import Done
from .options import say, stages

_BAR_FROM = 4  # images; with fewer a bar tells nothing


class Reporter:
    """Lines on standard error, and a bar below them where the run is long, tqdm installed and a terminal there.

    `path`: a file that gets a line of JSON for each image, added to where `again`. Raises OutputError.
    """

    def __init__(self, path: str | None, *, again: bool, verbose: bool) -> None:
        self._verbose = verbose
        self._bar: Any = None
        self._file: IO[str] | None = None
        self._done = self._failed = self._skipped = self._pixels = 0
        self._start = time.perf_counter()
        if path is not None:
            try:
                self._file = open(path, "a" if again else "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
            except OSError as exc:
                raise OutputError(f"{path}: cannot be written: {exc.strerror or exc}") from exc

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._file is not None:
            self._file.close()

    def start(self, total: int | None) -> None:
        """The run begins; `total` images are there, None: nobody knows."""
        self._start = time.perf_counter()
        if total is None or total >= _BAR_FROM:
            self._bar = terminal.bar(total=total, initial=self._skipped, unit="image")

    def tell(self, done: Done) -> None:
        """An image has been done, or has failed."""
        self._write(done)
        if done.error is not None:
            self._failed += 1
            self._line(f"rmbg-fast: {done.job.name}: {_reason(done.job.name, done.error)}")
        else:
            self._done += 1
            self._pixels += done.pixels
            if done.note:
                self._line(f"rmbg-fast: note: {done.job.name}: {done.note}")
            if self._verbose:
                milliseconds = {stage: seconds * 1e3 for stage, seconds in done.seconds.items()}
                self._line(f"{done.job.name} -> {done.job.target or 'standard output'}: {stages(milliseconds)}")
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._megapixels_a_second():.1f} MP/s", refresh=False)
            self._bar.update()

    def skip(self) -> None:
        """An image has its result already."""
        self._skipped += 1
        if self._bar is not None:
            self._bar.update()

    def problem(self, line: str) -> None:
        """Something that cannot be done at all."""
        self._failed += 1
        self._line(f"rmbg-fast: {line}")

    def end(self, *, resumed: bool) -> int:
        """The exit code; and how it went, where that is more than a few lines."""
        if self._bar is not None:
            self._bar.close()
        if self._bar is not None or resumed:
            seconds = time.perf_counter() - self._start
            rate = f"{self._done / max(seconds, 1e-9):.1f} images/s, {self._megapixels_a_second():.1f} MP/s"
            say(f"{self._done} done ({rate}), {self._skipped} left out, {self._failed} failed")
        return 1 if self._failed else 0

    def _megapixels_a_second(self) -> float:
        return self._pixels / 1e6 / max(time.perf_counter() - self._start, 1e-9)

    def _write(self, done: Done) -> None:
        if self._file is None:
            return
        import json

        line = {
            "input": done.job.name,
            "output": None if done.error is not None or done.job.target is None else str(done.job.target),
            "seconds": {stage: round(seconds, 6) for stage, seconds in done.seconds.items()},
            "error": None if done.error is None else _reason(done.job.name, done.error),
            "coverage": done.coverage,
        }
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except (OSError, UnicodeError) as exc:
            raise OutputError(f"{self._file.name}: cannot be written: {exc}") from exc

    def _line(self, line: str) -> None:
        if self._bar is None:
            streams.tell(line)
        else:
            self._bar.write(line, file=sys.stderr)


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, RmbgError):
        reason = str(error).removeprefix(f"{name}: ").removeprefix("the file object: ")
    elif isinstance(error, MemoryError):
        reason = "not enough memory"
    else:
        reason = f"unexpected {type(error).__name__}: {error}"
    return " ".join(reason.split())
