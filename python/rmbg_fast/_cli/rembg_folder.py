"""A folder of `rmbg-fast rembg p`: which images there are, and a name for the result of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._images.sizes import pixels_of
from .._storage import writing as storage
from ..errors import OptionError, OutputError
from ..flow import mapped
from . import jobs
from .cutting import Done
from .interrupts import Interrupts
from .reporter import Reporter

_PAUSE = 0.5  # seconds between two looks at a folder that is watched
_State = tuple[int, int]  # of a file: when it was changed, and its bytes


class Folder:
    """The images in a folder and below it, hidden ones and the results left out. Raises OptionError."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = Path(source), Path(target)
        if not self.source.is_dir():
            raise OptionError(f"{source}: is no folder")
        if self.target.exists() and not self.target.is_dir():
            raise OptionError(f"{target}: is a file, where the results need a folder")
        if os.path.realpath(source) == os.path.realpath(target):
            raise OptionError(f"{target}: is the folder of the sources: name another one for the results")
        self._taken: dict[str, Path] = {}  # whose result a name holds
        self._seen: dict[Path, _State] = {}
        self._done: dict[Path, _State] = {}

    def fresh(self, problems: list[str], *, settled: bool) -> list[Path]:
        """What is there and has not been given, or was changed since; `settled`: of that, what has not been changed
        since the last look, as who writes it may still be at it."""
        states = {path: _state(path) for path in jobs.walk(self.source, [os.path.realpath(self.target)], problems)}
        ready = [
            path
            for path, state in states.items()
            if self._done.get(path) != state and (not settled or self._seen.get(path) == state)
        ]
        self._done |= {path: states[path] for path in ready}
        self._seen = states
        return ready

    def job(self, source: Path) -> jobs.Job:
        """rembg's name for the result, the source's own with .png; where another source has it, a longer one."""
        within = source.relative_to(self.source)
        longer = f"{'-'.join(within.parts)}.png"
        for name in (f"{source.stem}.png", f"{source.name}.png", longer):
            landing = jobs.landing(self.target / name)
            if self._taken.setdefault(landing, source) == source:
                job = jobs.Job(source, self.target / name, makes_folder=True)
                jobs.protect_linked([job], os.path.realpath(self.source))
                return job
        raise OptionError(f"{source}: its result {longer} is that of another file already")


@dataclass
class _Work:
    cut: Callable[[Path], bytes]
    delete: bool

    def __call__(self, job: jobs.Job, _: object) -> Done:
        """Whatever is wrong with the image is in what it returns: the others shall be done."""
        assert job.source is not None
        assert job.target is not None
        done = Done(job)
        start = time.perf_counter()
        try:
            result = self.cut(job.source)
            storage.write(job.target, result, makes_folder=True)
            if self.delete:
                _delete(job.source)
            done.seconds["in all"] = time.perf_counter() - start
        except Exception as exc:
            done.error = exc
        return done


def run(
    folder: Folder, cut: Callable[[Path], bytes], interrupts: Interrupts, *, lanes: int, watch: bool, delete: bool
) -> int:
    """The exit code: 1 where one failed. `cut` gives the file of a result. Watching ends with Ctrl-C."""
    work = _Work(cut, delete)
    problems: list[str] = []
    with Reporter(None, again=False, verbose=watch) as reporter:
        images = folder.fresh(problems, settled=False)
        reporter.start(None if watch else len(images))
        while True:
            planned = []
            for image in images:
                try:
                    planned.append(folder.job(image))
                except OptionError as exc:
                    problems.append(str(exc))
            for line in problems:
                reporter.problem(line)
            problems.clear()
            waiting = (job for job in planned if not interrupts.asked)
            for outcome in mapped(waiting, work, lanes=lanes, pixels=lambda job: pixels_of(job.source)):
                reporter.tell(outcome.get())
            if interrupts.asked or not watch:
                break
            time.sleep(_PAUSE)
            images = folder.fresh([], settled=True)
        code = reporter.end(resumed=False)
        return code if watch else interrupts.code or code


def _state(path: Path) -> _State:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as exc:
        raise OutputError(f"{path}: its result is written, but it cannot be deleted: {exc.strerror or exc}") from exc
