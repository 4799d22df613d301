"""The service in this process, and a client that says exactly what it sends."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rmbg_fast import Session
from rmbg_fast._serve import server, sockets
from rmbg_fast._serve.service import Service
from rmbg_fast._serve.settings import Settings


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json", self.body
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document.keys() >= {"type", "title", "detail"}
        return document


@dataclass
class Served:
    service: Service
    port: int
    running: server.Server | None = None

    def ask(
        self,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(
                response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def wait(self, condition: Any) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)


@contextmanager
def served(sessions: Mapping[str, Session], **settings: Any) -> Iterator[Served]:
    """The sessions as models of a service."""
    chosen = Settings(models=tuple(sessions), **settings)
    service = Service(chosen, lambda name: sessions[name])
    listener = sockets.bound("127.0.0.1", 0)
    running = server.Server(service)
    port = listener.getsockname()[1]
    running.load()
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    try:
        yield Served(service, port, running)
    finally:
        running.end()
        thread.join(60)
        assert not thread.is_alive()


def form(file: bytes, fields: Mapping[str, str] | None = None, name: str = "file") -> tuple[bytes, dict[str, str]]:
    """A form as browsers send it, with its headers."""
    parts = [f'name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in (fields or {}).items()]
    parts.append(f'name="{name}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'.encode() + file + b"\r\n")
    body = b"".join(b"--edge\r\nContent-Disposition: form-data; " + part for part in parts) + b"--edge--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=edge"}
