"""A process that serves: uvicorn, the models loaded beside it, signals, and an end that loses nothing."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

import uvicorn
from PIL import Image

from ..errors import ImageWarning
from .app import application
from .connections import Protocol
from .service import Service
from .sockets import BACKLOG, allow_many

_KEEP_ALIVE = 75  # seconds that a connection may be idle between two requests


class Server(uvicorn.Server):
    """Serves until it is told to end. `failure` is what the models could not be loaded for; `overdue` says whether
    something was not done at the end of the grace period."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                application(service),
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=math.ceil(service.settings.grace),
            )
        )
        self._service = service
        self.failure: Exception | None = None
        self.overdue = False

    def end(self) -> None:
        """Take no more requests, finish those that are there."""
        self._service.drain()
        self.should_exit = True

    def load(self, loaded: Callable[[], None] = lambda: None) -> None:
        """For a thread of its own: meanwhile requests are told to come later."""
        try:
            self._service.load()
            loaded()
        except Exception as exc:
            self.failure = exc
            self.end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        start = monotonic()
        await super().shutdown(sockets)
        self.overdue = monotonic() - start >= self._service.settings.grace

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the caller's: uvicorn would raise them again at the end."""
        yield


def run(
    service: Service,
    listener: socket.socket,
    loaded: Callable[[], None],
    signals: Iterable[int],
    *,
    alone: bool,
) -> int:
    """Serve on a socket that listens; `loaded` is called once the models are there. One of `signals` ends it when all
    that came is done, a second one at once. Requests that come before the models are told to come later; where it is
    not `alone` at the socket, they are left to the others.

    Gives the exit status: 0, or 1 where something was not done at the end of the grace period. Raises what the models
    cannot be loaded for.
    """
    server = Server(service)

    def stop(number: int, _: object) -> None:
        if server.should_exit:
            os._exit(128 + number)
        server.end()

    for number in signals:
        signal.signal(number, stop)
    allow_many()
    Image.MAX_IMAGE_PIXELS = math.ceil(service.settings.max_megapixels * 1e6)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # strangers may send garbage: that is no warning
    from ..session import EmptyMaskWarning

    for told in (ImageWarning, EmptyMaskWarning):  # callers are told by headers, or know their format
        warnings.simplefilter("ignore", told)
    if alone:
        threading.Thread(target=server.load, args=(loaded,), name="rmbg-fast loads", daemon=True).start()
    else:
        server.load(loaded)
    Image.preinit()  # the formats that most pictures have, which the first of them would wait for
    if not server.should_exit:
        server.run([listener])
    if server.failure is not None:
        raise server.failure
    service.close()
    return int(server.overdue)
