"""What all requests share: the models, and whether they can be asked at the moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..flow import Batcher
from .buffered import Buffered
from .metrics import Metrics
from .problems import Problem
from .settings import Settings

if TYPE_CHECKING:
    from ..session import Session

State: TypeAlias = Literal["loading", "ready", "draining"]
_SOON = {"Retry-After": "1"}


class Service:
    """The sessions of the models named at the start, as `open_session` gives them. No request adds another."""

    def __init__(self, settings: Settings, open_session: Callable[[str], Session]) -> None:
        self.settings = settings
        self.state: State = "loading"
        self.buffered = Buffered(settings.max_buffered)
        self.metrics = Metrics()
        self.sessions: dict[str, Session] = {}
        self._batchers: dict[str, Batcher] = {}
        self._open = open_session
        self._seconds = 0.0  # of a call, lately

    def load(self) -> None:
        """Load the models. Raises as `Session` does."""
        for name in self.settings.models:
            session = self._open(name)
            if self.settings.batch > 1:
                self._batchers[session.model.name] = Batcher(session, self.settings.batch, self.settings.max_wait)
            self.sessions = {**self.sessions, session.model.name: session}  # another thread looks at them
        if self.state == "loading":
            self.state = "ready"

    def drain(self) -> None:
        """Take no more requests."""
        self.state = "draining"

    def close(self) -> None:
        while self._batchers:
            self._batchers.popitem()[1].close()
        for session in self.sessions.values():
            session.close()

    def session(self, name: str | None = None) -> Session:
        """Of the model of this name, None: the first. Raises Problem: 503 unless it is ready, 422 for another name."""
        if self.state != "ready":
            says = {"loading": "the models are being loaded", "draining": "this process is about to end"}
            raise Problem(503, says[self.state], _SOON)
        if name is None:
            return next(iter(self.sessions.values()))
        if name not in self.sessions:
            raise Problem(422, f"model must be one of {', '.join(self.sessions)}, not {name!r}", parameter="model")
        return self.sessions[name]

    def check_room(self, session: Session) -> None:
        """Raises Problem where the queue is full: its picture need not be read then."""
        stats = session.stats
        if stats.running >= stats.slots and stats.waiting >= self.settings.queue:
            raise self.full(session)

    def full(self, session: Session) -> Problem:
        """What is told where the queue is full: when there is likely to be room."""
        stats = session.stats
        seconds = math.ceil((stats.waiting + 1) * self._seconds / stats.slots)
        after = max(1, min(seconds, math.ceil(self.settings.timeout)))
        return Problem(429, f"{stats.waiting} requests wait already", {"Retry-After": str(after)})

    def took(self, seconds: float) -> None:
        """A call has taken so long, without what it waited."""
        self._seconds = seconds if not self._seconds else 0.9 * self._seconds + 0.1 * seconds

    def look(self) -> None:
        """Take down for the metrics what is so at the moment."""
        stats = {name: session.stats for name, session in self.sessions.items()}
        self.metrics.batched({name: batcher.stats for name, batcher in dict(self._batchers).items()})
        self.metrics.look(stats, buffered=self.buffered.now, ready=self.state == "ready")
