"""How many bytes of uploads and results are in memory."""

from __future__ import annotations

from .problems import Problem


class Buffered:
    """The bytes of all requests together, up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit, self.now, self.most = limit, 0, 0


class Share:
    """What one request holds of them. Given back at the end of its `with` block, if not before."""

    def __init__(self, buffered: Buffered) -> None:
        self._buffered, self._bytes = buffered, 0

    def take(self, count: int) -> None:
        """For an upload. Raises Problem where there is no room."""
        if self._buffered.now + count > self._buffered.limit:
            raise Problem(429, "too many uploads at a time", {"Retry-After": "1"})
        self.hold(count)

    def hold(self, count: int) -> None:
        """For a result, which is there already: it takes the room of uploads to come."""
        self._bytes += count
        self._buffered.now += count
        self._buffered.most = max(self._buffered.most, self._buffered.now)

    def release(self) -> None:
        self._buffered.now -= self._bytes
        self._bytes = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
