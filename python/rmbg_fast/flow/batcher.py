"""Several pictures in one run of the network, for devices that gain by it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import whole_of
from ..errors import OptionError
from .admission import count_of, seconds_of

if TYPE_CHECKING:
    from .. import _core

_MOST = 1024


@dataclass(frozen=True, slots=True)
class BatchStats:
    """How many `pictures` went through how many `runs` of the network."""

    runs: int
    pictures: int


class Batcher:
    """While it is open, calls of a session that come close together are one run of the network.

    `session`: one of a model whose batch is free, with at least `max_batch_size` slots. A run begins when that many
    pictures wait for it, or `max_wait_ms` milliseconds after the first of them. Pictures are decoded, fed and cut out
    by their own callers, as without it; the network alone is shared. A picture whose call is cancelled stays in the
    run. On a CPU a batch gains nothing. Raises OptionError.

    >>> with Batcher(session, max_batch_size=8, max_wait_ms=4) as batcher:
    ...     cutout = await batcher.aremove(upload)
    """

    def __init__(self, session: Any, max_batch_size: int = 8, max_wait_ms: float = 5.0) -> None:
        most = count_of(max_batch_size, "max_batch_size")
        wait = seconds_of(max_wait_ms)
        if most > _MOST or wait is None:
            raise OptionError(f"max_batch_size must be at most {_MOST}, max_wait_ms a number of milliseconds")
        slots = session.stats.slots
        if whole_of(slots, "slots") < most:
            raise OptionError(f"the session has {slots} slots, too few for {most} pictures: Session(slots={most})")
        self._session = session
        self._remover: _core.Remover = session._remover
        self._remover.gather(most, wait)
        self._end = weakref.finalize(self, self._remover.gather, 1, 0.0)

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Each call is a run of its own again."""
        self._end()

    @property
    def stats(self) -> BatchStats:
        """Since it was opened; none once it is closed."""
        return BatchStats(*self._remover.gathered())

    def remove(self, image: Any, **options: Any) -> Any:
        """`Session.remove`."""
        return self._session.remove(image, **options)

    async def aremove(self, image: Any, **options: Any) -> Any:
        """`Session.aremove`."""
        return await self._session.aremove(image, **options)
