"""The socket that a service listens on."""

from __future__ import annotations

import os
import socket

from ..errors import OptionError

BACKLOG = 2048


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
