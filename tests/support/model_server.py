"""A small server that can misbehave, the model that it serves, and what is left on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import time
from pathlib import Path
from typing import Any

from rmbg_fast import models
from rmbg_fast.models import ModelSpec
from rmbg_fast.models.places import ModelFile, Place, UrlPlace

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[::-1]


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every path; the attributes are its bad habits."""

    content = CONTENT
    ranges = True
    statuses: tuple[int, ...] = ()  # answered first, one a request
    cuts: tuple[int, ...] = ()  # bytes after which the connection drops, one a request
    retry_after = ""
    redirect = ""
    stall = 0.0
    length = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.onnx"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of these tests


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        number = len(server.asked) - 1
        if number < len(server.statuses) and server.statuses[number]:
            self.send_response(server.statuses[number])
            self.send_header("Retry-After", server.retry_after)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            return self.end_headers()
        start = int(asked[6:-1]) if asked and server.ranges else 0
        if start >= len(server.content):
            return self.send_error(416)
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        time.sleep(server.stall)
        self.wfile.write(body[: server.cuts[number]] if number < len(server.cuts) else body)


def spec(*places: Place | str, **file: Any) -> ModelSpec:
    found = tuple(UrlPlace(place) if isinstance(place, str) else place for place in places)
    fields = {"filename": "model.onnx", "digest": SHA256, "bytes": len(CONTENT), "places": found, **file}
    return dataclasses.replace(models.get("u2netp"), name="model", files=(ModelFile(**fields),))


def left(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home / "models")) for path in (home / "models").rglob("*"))


def put_part(home: Path, content: bytes) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "model.onnx.part").write_bytes(content)
