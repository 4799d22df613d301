"""One image of `rmbg-fast remove`, from its file to that of its result."""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .._images import formats, reading, writing
from .._images.depth import binary
from .._images.metadata import Metadata
from .._images.sizes import pixels_of
from .._storage import writing as storage
from . import jobs, streams

if TYPE_CHECKING:
    from .. import _core
    from ..session import Session


@dataclass
class Task:
    """An image to be done."""

    job: jobs.Job
    format: formats.Format

    def pixels(self) -> int | None:
        """How many it has, by its file's header; None: nobody knows yet."""
        return None if self.job.source is None else pixels_of(self.job.source)


@dataclass
class Done:
    """What became of it: `seconds` by stage, or the error that it met. `note` says what the user should know."""

    job: jobs.Job
    seconds: dict[str, float] = field(default_factory=dict)
    pixels: int = 0
    coverage: float | None = None
    note: str = ""
    error: Exception | None = None


class Cutter:
    """Does tasks with the options of the command, from many threads."""

    def __init__(self, session: Session, args: argparse.Namespace) -> None:
        self._session, self._args = session, args
        self._under_way: set[_core.Call] = set()
        # A warning would not name the image.
        self._on_empty: Literal["raise", "ignore"] = "raise" if args.on_empty == "raise" else "ignore"

    def stop(self) -> None:
        """Stops what is under way."""
        for call in tuple(self._under_way):
            call.cancel()

    def cut(self, task: Task, pixels: int | None) -> Done:
        """Whatever is wrong with the image is in what it returns: the others shall be done. Raises BrokenPipeError."""
        done = Done(task.job)
        try:
            with self._session._turn(pixels, self._under_way):
                data = self._result(task, done)
            start = time.perf_counter()
            _write(task.job, data)
            done.seconds["write"] = time.perf_counter() - start
            done.seconds["in all"] = sum(done.seconds.values())
        except BrokenPipeError:
            raise
        except Exception as exc:
            done.error = exc
        return done

    def _result(self, task: Task, done: Done) -> bytes:
        args, clock = self._args, time.perf_counter
        start = clock()
        image = io.BytesIO(streams.read_bytes()) if task.job.source is None else task.job.source
        cut: Literal["accept", "refuse"] = "accept" if args.accept_truncated else "refuse"
        if args.mask:
            call = self._session._call(
                image, self._on_empty, cut, args.crop, args.max_side, None, True, draft=args.draft
            )
            source, (pixels, _) = call.source, call.mask()
            if args.threshold is not None:
                pixels = binary(pixels, args.threshold)
        else:
            source = reading.read(image, deep=True, truncated=cut, max_side=args.max_side, threads=args.threads)
            decode = clock() - start
            pixels = self._cutout(source)
        computed = clock()
        height, width = source.full or source.pixels.shape[:2]
        kept = Metadata(dpi=source.metadata.dpi) if args.mask else source.metadata
        del source  # the photo's memory may go
        data = writing.encode(pixels, kept, task.format, writing.Output(None, args.compress, args.threads))
        stages = {stage: milliseconds / 1e3 for stage, milliseconds in self._session.timings.items()}
        done.seconds = {**stages, "encode": clock() - computed}
        if not args.mask:
            done.seconds["decode"] = decode
        done.pixels = height * width
        scene = self._session.scene
        if scene is not None:
            done.coverage = scene.coverage
            done.note = scene.empty if args.on_empty == "warn" else ""
        return data

    def _cutout(self, source: reading.Source) -> Any:
        """The pixels to write, as deep as those of the image."""
        args = self._args
        background = None if args.background is None else args.background.under(source)
        return self._session.remove(
            source.pixels, background=background, alpha=args.alpha, threshold=args.threshold,
            foreground=args.foreground, on_empty=self._on_empty, crop=args.crop,
        )  # fmt: skip


def _write(job: jobs.Job, data: bytes) -> None:
    if job.target is None:
        streams.write_bytes(data)
        return
    storage.write(job.target, data, makes_folder=job.makes_folder)
