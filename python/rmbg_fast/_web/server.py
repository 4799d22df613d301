"""A web server for the page: files of one folder, with the headers that the page wants."""

from __future__ import annotations

import http.server
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import OptionError
from .site import HEADERS

# What the system says of these types is often wrong.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    "": "application/octet-stream",
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = _TYPES
    protocol_version = "HTTP/1.1"  # connections are kept: a visit asks for some forty files
    disable_nagle_algorithm = True  # else the second of two small writes waits for the first to be acknowledged
    timeout = 60

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404, "File not found")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(folder: Path, host: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server of `folder`, bound and not yet running; port 0 is a free one. Raises OptionError."""
    try:
        return http.server.ThreadingHTTPServer((host, port), partial(_Handler, directory=str(folder)))
    except (OSError, OverflowError) as exc:
        raise OptionError(f"{host}:{port} cannot be served: {getattr(exc, 'strerror', None) or exc}") from exc
