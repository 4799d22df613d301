"""The subcommand `rmbg-fast serve`."""

from __future__ import annotations

import argparse
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import RmbgError
from .options import number, say, threads_option

if TYPE_CHECKING:
    from .._serve.settings import Settings

_DESCRIPTION = (
    "Serve the removal of backgrounds over HTTP, and a page at /. Each option may also be an environment variable: "
    "--max-body is RMBG_FAST_SERVE_MAX_BODY."
)
_VARIABLE = "RMBG_FAST_SERVE_"
_NEEDED = ("starlette", "uvicorn", "httptools", "python_multipart", "prometheus_client")
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def add(commands: Any) -> None:
    """Add `serve` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser("serve", help="serve it over HTTP", description=_DESCRIPTION)
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on; default: this machine alone")
    option("--port", type=number(0, 65535), default=7000, metavar="N", help="0: a free one; default: %(default)s")
    option(
        "--model", action=_Listed, metavar="NAME|FILE.onnx",
        help="may be repeated: those that callers may choose from, the first by default; they get no other "
        "(default: isnet-general-use)",
    )  # fmt: skip
    option("--device", default="auto", help="auto (default), cpu, cuda or cuda:N; cuda never falls back")
    option(
        "--workers", type=number(1, 256), default=1, metavar="N",
        help="processes that share the port, the cores and the memory of the weights; default: %(default)s",
    )  # fmt: skip
    threads_option(parser)
    option("--slots", type=number(1), metavar="N", help="pictures worked on at a time; default: the session's own")
    option("--queue", type=number(0), default=64, metavar="N", help="pictures that may wait; default: %(default)s")
    option(
        "--batch", type=number(1, 1024), default=1, metavar="N",
        help="pictures in one run of the network, for devices that gain by it; default: %(default)s",
    )  # fmt: skip
    option(
        "--max-wait", type=_positive, default="5", metavar="MS",
        help="milliseconds that the first picture of a batch waits for others; default: %(default)s",
    )  # fmt: skip
    option("--timeout", type=_seconds, default="30", metavar="S", help="seconds for a request; default: %(default)s")
    option(
        "--grace", type=_seconds, default="25", metavar="S",
        help="seconds that SIGTERM leaves to the requests under way; default: %(default)s",
    )  # fmt: skip
    option("--max-body", type=_bytes, default="32MiB", metavar="SIZE", help="of an upload; default: %(default)s")
    option(
        "--max-buffered", type=_bytes, default="256MiB", metavar="SIZE",
        help="of all uploads and results in a process's memory at a time; default: %(default)s",
    )  # fmt: skip
    option("--max-megapixels", type=_positive, default="50", metavar="N", help="of a picture; default: %(default)s")
    option(
        "--rembg", action="store_true",
        help="models are those that rembg calls so, fed as it feeds them (default: bria-rmbg)",
    )  # fmt: skip
    option(
        "--allow-urls", action="extend", nargs="+", metavar="HOST",
        help="GET /api/remove?url= fetches pictures from these hosts (HOST or HOST:PORT), never from private addresses",
    )  # fmt: skip
    option("--access-log", action="store_true", help="write a line of JSON for each request to standard output")
    option("--check", action="store_true", help="ask the service at this port whether it lives, and exit 0 or 1")
    _read_environment(parser)
    parser.set_defaults(run=run)


class _Listed(argparse.Action):
    """An option that may be repeated. Where it is given, what the environment says of it does not count."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [values] if before is self.default else [*before, values])


def _read_environment(parser: argparse.ArgumentParser) -> None:
    """Defaults from the environment; argparse reads those that are text as it reads arguments."""
    for action in parser._actions:
        text = os.environ.get(_VARIABLE + action.dest.upper(), "")
        if text == "" or not action.option_strings or action.dest == "help":
            continue
        if isinstance(action, _Listed):
            action.default = [part.strip() for part in text.split(",") if part.strip()]
        elif action.nargs == 0:
            action.default = text.lower() in ("1", "true", "yes", "on")
        else:
            action.default = text


def run(args: argparse.Namespace) -> int:
    if args.check:
        return _check(args.host, args.port)
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise RmbgError(f"rmbg-fast serve needs {', '.join(missing).replace('_', '-')}: pip install 'rmbg-fast[serve]'")
    from .._serve import sockets

    settings = _settings(args)
    with sockets.bound(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        if settings.workers > 1:
            from .._serve import workers

            return workers.run(settings, listener, url, say)
        from .._serve import starting

        return starting.serve(settings, listener, lambda: say(f"serving {', '.join(settings.models)} at {url}"))


def _settings(args: argparse.Namespace) -> Settings:
    from .._serve.settings import Settings

    given = {key: value for key, value in vars(args).items() if key in Settings.__dataclass_fields__}
    models = tuple(dict.fromkeys(args.model or (("bria-rmbg",) if args.rembg else Settings.models)))
    return Settings(**{**given, "models": models, "allow_urls": tuple(args.allow_urls or ())})


def _check(host: str, port: int) -> int:
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (OSError, HTTPException) as exc:
        say(f"{host}:{port} does not answer: {exc}")
        return 1
    finally:
        connection.close()
    return 0 if status == 200 else 1


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15})\s*([kmg]i?)?b?", text.strip().lower())
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"must be a size such as 32MiB or 500kB, not {text!r}")
    return int(found[1]) * _UNITS[found[2] or ""]


def _seconds(text: str) -> float:
    value = _positive(text)
    if value > 86400:
        raise argparse.ArgumentTypeError(f"must be at most a day, not {text} s")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return value
