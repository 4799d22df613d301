"""The start of a process that serves. Its models are loaded, natively for the most part, while what speaks HTTP is
imported."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ..session import Session
from .settings import Settings

if TYPE_CHECKING:
    from ..models import ModelSpec


def serve(
    settings: Settings,
    listener: socket.socket,
    loaded: Callable[[], None],
    signals: Iterable[int] = (signal.SIGINT, signal.SIGTERM),
    *,
    alone: bool = True,
) -> int:
    """`server.run` of a service with these settings."""
    opening = Opening(settings)
    gc.disable()  # of what is imported nothing becomes garbage
    from . import server
    from .service import Service

    service = Service(settings, opening.session)
    gc.enable()
    gc.freeze()
    return server.run(service, listener, loaded, signals, alone=alone)


class Opening:
    """Opens the session of each of `settings.models`, in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._ends: dict[str, SimpleQueue[Session | Exception]] = {name: SimpleQueue() for name in settings.models}
        threading.Thread(target=self._open, args=(settings,), name="rmbg-fast opens", daemon=True).start()

    def session(self, name: str) -> Session:
        """Waits for that of one model. To be asked once for each, in their order. Raises as `Session` does."""
        end = self._ends[name].get()
        if isinstance(end, Exception):
            raise end
        return end

    def _open(self, settings: Settings) -> None:
        for name, end in self._ends.items():
            try:
                end.put(open_session(settings, name))
            except Exception as exc:
                end.put(exc)
                return


def open_session(settings: Settings, name: str) -> Session:
    """Raises as `Session` does."""
    # While one batch is run, the next is decoded.
    slots = settings.slots if settings.slots is not None or settings.batch == 1 else 2 * settings.batch
    model: str | ModelSpec = name
    if settings.rembg:
        from ..rembg import model as rembg_model

        model = rembg_model(name)
    session = Session(
        model, device=settings.device, threads=settings.threads, slots=slots, max_queued_requests=settings.queue
    )
    if session.provider != "CPUExecutionProvider":  # there the first run takes as long as later ones
        session.warm_up()
    return session
