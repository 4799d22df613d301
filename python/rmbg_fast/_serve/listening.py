"""The socket that a service listens on, and its connections."""

from __future__ import annotations

import asyncio
import os
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..errors import OptionError

BACKLOG = 2048
ABORT = "rmbg_fast.abort"
"""Extension of the ASGI scope: what is called to drop the connection."""
_HEAD_SECONDS, _HEAD_BYTES = 10.0, 1 << 16


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is a free one. Raises OptionError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError) as exc:
        raise OptionError(f"{host}:{port} cannot be served: {getattr(exc, 'strerror', None) or exc}") from exc
    return listener


def allow_many() -> None:
    """As many open connections as the system lets this process have."""
    if os.name == "posix":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 1 << 16 if most == resource.RLIM_INFINITY else most
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class Protocol(HttpToolsProtocol):
    """uvicorn's, but the head of a request must come within seconds and be of sensible size."""

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
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"call": self.transport.abort}}
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head = 0
        self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
