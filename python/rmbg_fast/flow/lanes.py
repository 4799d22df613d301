"""Calls that nobody waits for on a thread of their own: asyncio's, done by as many threads as the gate has slots."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import DeadlineError, SessionClosedError
from .admission import Admission, Priority, seconds_of

if TYPE_CHECKING:
    import asyncio


class Lanes:
    """The threads behind `await session.aremove(...)`. They start with the first call and end with `close`."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._guard = threading.Lock()
        self._jobs: dict[int, _Job] = {}  # that wait for a lane, by the number of their call
        self._started = False
        self._closed = False
        weakref.finalize(self, admission.gate.close)  # also before the interpreter ends: idle lanes leave then

    async def run(
        self, work: Callable[[], Any], pixels: int | None, *, timeout: float | None, priority: Priority
    ) -> Any:
        """What `work` returns, called on a lane when it is its turn. Where the task is cancelled or `timeout` seconds
        have passed, it leaves the queue, or its native work is stopped. Raises QueueFullError, DeadlineError, and what
        `work` raises."""
        import asyncio

        seconds = seconds_of(timeout)
        loop = asyncio.get_running_loop()
        with self._guard:
            if self._closed:
                raise SessionClosedError("the session is closed: make a new one")
            self._start()
            call = self._admission.join(pixels, timeout=None, priority=priority, for_lane=True)
            job = _Job(call, work, pixels, loop)
            self._jobs[call.number] = job
        timer = None if seconds is None else loop.call_later(seconds, self._give_up, job)
        try:
            return await job.future
        except asyncio.CancelledError:
            call.cancel()
            self._leave(job)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Calls that wait fail with SessionClosedError; those under way go on."""
        with self._guard:
            self._closed = True
            left, jobs = dict(self._jobs), self._jobs
            jobs.clear()
        for job in left.values():
            job.call.leave()
            job.end(None, SessionClosedError("the session was closed before this call's turn came"))
        self._admission.gate.close()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            arguments = (self._admission, self._jobs, self._guard)
            for number in range(self._admission.gate.slots):
                name = f"rmbg-fast lane {number}"
                threading.Thread(target=_lane, args=arguments, name=name, daemon=True).start()

    def _give_up(self, job: _Job) -> None:
        job.call.give_up()
        if self._leave(job):
            job.end(None, DeadlineError("the call's turn did not come before its deadline"))

    def _leave(self, job: _Job) -> bool:
        """Whether it had to wait still."""
        with self._guard:
            waiting = self._jobs.pop(job.call.number, None) is not None
        if waiting:
            job.call.leave()
        return waiting


class _Job:
    def __init__(
        self, call: _core.Call, work: Callable[[], Any], pixels: int | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.call, self.pixels = call, pixels
        self.future: asyncio.Future[Any] = loop.create_future()
        self._work, self._loop = work, loop
        self._context = contextvars.copy_context()

    def do(self, admission: Admission) -> None:
        try:
            with admission.inside(self.pixels, self.call):
                result = self._context.run(self._work)
        except BaseException as error:
            self.end(None, error)
        else:
            self.end(result, None)

    def end(self, result: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(_settle, self.future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _lane(admission: Admission, jobs: dict[int, _Job], guard: threading.Lock) -> None:
    while (number := admission.gate.next()) is not None:
        with guard:
            job = jobs.pop(number, None)
        if job is not None:
            job.do(admission)
        job = None  # its picture may go
