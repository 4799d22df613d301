"""One image of `rmbg-fast remove`, from its file to that of its result."""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .._images import formats, writing
from .._images.depth import binary
from .._images.metadata import Metadata
from .._images.sizes import pixels_of
from .._storage import writing as storage
from . import jobs, streams

if TYPE_CHECKING:
    from .. import _core
    from .._call import Call
    from .._scene import Scene, Timings
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
        args = self._args
        image = io.BytesIO(streams.read_bytes()) if task.job.source is None else task.job.source
        cut: Literal["accept", "refuse"] = "accept" if args.accept_truncated else "refuse"
        output = writing.Output(task.format.name, args.compress, args.threads)
        call = self._session._call(image, self._on_empty, cut, args.crop, args.max_side, output, True, draft=args.draft)
        height, width = call.source.full or call.source.pixels.shape[:2]
        done.pixels = height * width
        if args.mask:
            data, scene, milliseconds = self._mask(call, task.format, output)
        else:
            from .._call import Blend  # with the session, which is there by now

            blend = Blend(args.background, args.alpha, args.threshold, args.foreground)
            data, scene, milliseconds = call.remove(blend)
        done.seconds = {stage: duration / 1e3 for stage, duration in milliseconds.items()}
        done.coverage = scene.coverage
        done.note = scene.empty if args.on_empty == "warn" else ""
        return data

    def _mask(self, call: Call, known: formats.Format, output: writing.Output) -> tuple[bytes, Scene, Timings]:
        kept = Metadata(dpi=call.source.metadata.dpi)
        pixels, scene = call.mask()
        start = time.perf_counter()
        if self._args.threshold is not None:
            pixels = binary(pixels, self._args.threshold)
        data = writing.encode(pixels, kept, known, output)
        return data, scene, {**self._session.timings, "encode": (time.perf_counter() - start) * 1e3}


def _write(job: jobs.Job, data: bytes) -> None:
    if job.target is None:
        streams.write_bytes(data)
        return
    storage.write(job.target, data, makes_folder=job.makes_folder)
