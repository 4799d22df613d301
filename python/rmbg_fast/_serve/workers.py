"""Several processes behind one port: each with its share of the cores, replaced when it dies."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic

from .. import models
from .._runtime import threads as thread_count
from ..errors import OptionError, OutputError, RmbgError
from .settings import Settings
from .starting import serve

_NO_MODEL = 3  # exit status of a worker that cannot load its models
_SHORT = 10.0  # seconds: a worker that lives no longer waits before it is replaced
_LONGEST_WAIT = 30.0
_LATE = 5.0  # seconds beyond the grace period until a worker is killed
_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def run(settings: Settings, listener: socket.socket, url: str, say: Callable[[str], None]) -> int:
    """Serve with `settings.workers` processes until a signal comes; gives the exit status. Raises OptionError,
    ModelError, OutputError."""
    if os.name != "posix":
        raise OptionError("--workers needs an operating system with fork-like processes: Linux or macOS")
    for name in settings.models:
        models.ensure(models.get(name))  # once, not by every process
    with _metrics_folder():
        return _Workers(settings, listener, say).run(url)


@dataclass
class _Place:
    """One of the processes: the exit status of the last one, and how many in a row did not live long."""

    number: int
    process: SpawnProcess | None = None
    status: int | None = None
    begun: float = 0.0
    failures: int = 0
    due: float = 0.0  # when it may be started


class _Workers:
    def __init__(self, settings: Settings, listener: socket.socket, say: Callable[[str], None]) -> None:
        self._settings, self._listener, self._say = settings, listener, say
        self._places = [_Place(number) for number in range(settings.workers)]
        cores = thread_count.chosen(settings.threads)
        each, more = divmod(cores, settings.workers)
        self._threads = [max(1, each + (number < more)) for number in range(settings.workers)]
        self._signals = 0

    def run(self, url: str) -> int:
        with _waking(self._stop) as wake:
            for place in self._places:
                self._start(place)
            self._say(f"{len(self._places)} processes serve {', '.join(self._settings.models)} at {url}")
            while not self._signals:
                self._wait(wake)
                if not self._replace():
                    return 1
            return self._end(wake)

    def _stop(self, *_: object) -> None:
        self._signals += 1

    def _start(self, place: _Place) -> None:
        arguments = (self._settings, self._listener, self._threads[place.number], self._say)
        place.process = get_context("spawn").Process(target=_work, args=arguments, name=f"worker {place.number + 1}")
        place.begun, place.status = monotonic(), None
        place.process.start()

    def _wait(self, wake: int) -> None:
        waiting = [place.due for place in self._places if place.process is None]
        timeout = max(0.0, min(waiting) - monotonic()) if waiting else None
        sentinels = [place.process.sentinel for place in self._places if place.process is not None]
        if wake in connection.wait([wake, *sentinels], timeout):
            with suppress(BlockingIOError):
                os.read(wake, 512)

    def _replace(self) -> bool:
        """Whether there is a point in going on."""
        for place in self._places:
            if place.process is not None and place.process.exitcode is not None:
                self._bury(place)
                if all(other.status == _NO_MODEL for other in self._places):
                    self._say("no process could load the models")
                    return False
            if place.process is None and monotonic() >= place.due:
                self._start(place)
        return True

    def _bury(self, place: _Place) -> None:
        process = place.process
        assert process is not None
        assert process.exitcode is not None
        _forget_metrics(process.pid)
        place.process = None
        place.failures = place.failures + 1 if monotonic() - place.begun < _SHORT else 0
        delay = min(_LONGEST_WAIT, 2.0 ** (place.failures - 1)) if place.failures else 0.0
        place.due = monotonic() + delay
        place.status = code = process.exitcode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        when = f" in {delay:.0f} s" if delay else ""
        self._say(f"{process.name} (process {process.pid}) {how}; another takes its place{when}")

    def _end(self, wake: int) -> int:
        """All of them end; a second signal, or time, kills those that are left."""
        self._listener.close()
        alive = [place.process for place in self._places if place.process is not None]
        for process in alive:
            process.terminate()
        end = monotonic() + self._settings.grace + _LATE
        while any(process.exitcode is None for process in alive) and monotonic() < end and self._signals == 1:
            connection.wait([wake, *(process.sentinel for process in alive if process.exitcode is None)], 1)
        for process in alive:
            process.kill()
            process.join()
        return 0 if all(process.exitcode == 0 for process in alive) else 1


def _work(settings: Settings, listener: socket.socket, threads: int, say: Callable[[str], None]) -> None:
    """A worker: it ends with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C its parent tells it
    os.environ["RMBG_FAST_THREADS"] = str(threads)

    def follow() -> None:
        parent = parent_process()
        assert parent is not None
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="rmbg-fast follows", daemon=True).start()
    try:
        own = replace(settings, threads=threads)
        code = serve(own, listener, lambda: None, [signal.SIGTERM], alone=False)
    except RmbgError as exc:
        say(str(exc))
        code = _NO_MODEL
    sys.stdout.flush()
    sys.exit(code)


@contextmanager
def _waking(stop: Callable[[int, object], None]) -> Iterator[int]:
    """A pipe that can be read when a signal has come, of which `stop` is told."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    old = signal.set_wakeup_fd(write)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before:
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Where the processes put what they count, so that each can tell it of all. Raises OutputError."""
    for parent in (None, "/dev/shm"):
        try:
            folder = tempfile.mkdtemp(prefix="rmbg-fast-metrics-", dir=parent)
            break
        except OSError:
            continue
    else:
        raise OutputError("--workers needs a folder for temporary files that can be written: set TMPDIR")
    os.environ[_METRICS] = folder
    try:
        yield
    finally:
        del os.environ[_METRICS]
        shutil.rmtree(folder, ignore_errors=True)


def _forget_metrics(pid: int | None) -> None:
    """The gauges of a process that is no more; what it has counted stays."""
    for file in Path(os.environ[_METRICS]).glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)
