"""The page at /."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .._web.pages import SHARED, assembled
from .problems import Problem

_OWN = Path(__file__).with_name("page")
_FILES = {
    **dict.fromkeys(("index.html", "page.js"), _OWN),
    **dict.fromkeys(("page.css", "view.js", "files.js", "icon.svg"), SHARED),
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def index(_: Request) -> Response:
    return _file("index.html")


async def part(request: Request) -> Response:
    return _file(request.path_params["name"])


@lru_cache
def _content(name: str) -> bytes:
    path = _FILES[name] / name
    return assembled(path) if path.suffix == ".html" else path.read_bytes()


def _file(name: str) -> Response:
    if name not in _FILES:
        raise Problem(404, "there is no such file")
    return Response(_content(name), 200, _HEADERS, _TYPES[Path(name).suffix])


ROUTES = [Route("/", index), Route("/page/{name}", part)]
