"""What is seen of every request: its start, its outcome and, if asked for, its line in the log."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import GONE
from .service import Service

_LINGER_SECONDS, _LINGER_BYTES = 2.0, 1 << 23


class Observing:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, service: Service, routes: frozenset[str]) -> None:
        self._app, self._service, self._routes = app, service, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        start = scope.setdefault("state", {})["start"] = monotonic()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            seconds = monotonic() - start
            route = scope["path"] if scope["path"] in self._routes else "other"
            self._service.metrics.answered(route, exchange.status, seconds)
            if self._service.settings.access_log:
                _log(scope, exchange, seconds)


class _Exchange:
    """A request and its response, counted.

    A response to a request whose body was not read to its end closes the connection. Before that some more of the body
    is read: a client that is still sending would otherwise see a broken connection in place of the response.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._unread = True
        self.status, self.received, self.sent = GONE, 0, 0
        self.headers: dict[str, str] = {}

    async def receive(self) -> Message:
        message = await self._receive()
        self._unread = message["type"] == "http.request" and message.get("more_body", False)
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            if self._unread:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        self.sent += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False) and self._unread:
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        read = self.received
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while self._unread and self.received - read < _LINGER_BYTES:
                    await self.receive()
        except TimeoutError:
            pass


def _log(scope: Scope, exchange: _Exchange, seconds: float) -> None:
    """A line of JSON on standard output."""
    client = scope.get("client") or ("", 0)
    line: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "client": client[0],
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "status": exchange.status,
        "milliseconds": round(1e3 * seconds, 1),
        "received": exchange.received,
        "sent": exchange.sent,
        "timings": exchange.headers.get("server-timing", ""),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
