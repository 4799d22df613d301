"""The subcommand `rmbg-fast web`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from .options import number, say

_DESCRIPTION = (
    "Serve a page that removes the background of photos in the browser: the network runs on the visitor's own machine, "
    "and no photo leaves it. With --export the page is written as a folder for another web server."
)


def add(commands: Any) -> None:
    """Add `web` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "web", help="serve the page that runs in the browser", description=_DESCRIPTION
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE.onnx",
        help="may be repeated: the page offers them all, the first by default (default: u2netp)",
    )
    parser.add_argument("--port", type=number(0, 65535), default=8000, metavar="N", help="0: a free one; default: 8000")
    parser.add_argument("--host", default="127.0.0.1", help="whom to serve; default: this machine alone")
    parser.add_argument("--export", metavar="FOLDER", help="write the page there, and serve nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from .. import models
    from .._web import server, site

    specs = [models.get(name) for name in dict.fromkeys(args.model or [models.EMBEDDED])]
    if args.export is not None:
        site.write(Path(args.export), specs)
        print(args.export)
        return 0
    with tempfile.TemporaryDirectory(prefix="rmbg-fast-web-") as folder:
        site.write(Path(folder), specs)
        with server.serve(Path(folder), args.host, args.port) as running:
            print(f"http://{args.host}:{running.server_address[1]}/", flush=True)
            if args.host not in ("127.0.0.1", "localhost", "::1"):
                say("note: other machines get threads and a kept model over HTTPS only, behind a proxy that has it")
            try:
                running.serve_forever()
            except KeyboardInterrupt:
                return 0
    return 0
