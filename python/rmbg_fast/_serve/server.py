"""A process that serves: uvicorn with limits of its own, signals, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..errors import OptionError
from .app import application
from .service import Service

_HEAD_SECONDS, _HEAD_BYTES = 10.0, 1 << 16
_KEEP_ALIVE = 75  # seconds that a connection may be idle between two requests
BACKLOG = 2048


class Protocol(HttpToolsProtocol):
    """A connection whose request lines and headers must come within seconds and be of sensible size."""

    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is not None:
            self._head += len(data)
        super().data_received(data)
        if self._timer is not None and self._head > _HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head = 0
        self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """Serves until it is told to end; `failure` is what the models could not be loaded for."""

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

    def load(self) -> None:
        """For a thread of its own: meanwhile requests are told to come later."""
        try:
            self._service.load()
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


def run(service: Service, bound: socket.socket, *, signals: Iterable[int] = (signal.SIGINT, signal.SIGTERM)) -> int:
    """Serve on a socket that listens. One of `signals` ends it once all that came is done, a second one at once.

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
    threading.Thread(target=server.load, name="rmbg-fast loads", daemon=True).start()
    server.run([bound])
    if server.failure is not None:
        raise server.failure
    service.close()
    return int(server.overdue)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is a free one. Raises OptionError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)
            bound.setblocking(False)
        except BaseException:
            bound.close()
            raise
    except (OSError, OverflowError) as exc:
        raise OptionError(f"{host}:{port} cannot be served: {getattr(exc, 'strerror', None) or exc}") from exc
    return bound
