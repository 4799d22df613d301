"""The command `rmbg-fast`.

Exit codes: 0 all done, 1 something failed (each with a line on standard error), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..errors import ModelDownloadError, OptionError, RmbgError
from . import cache, convert, frames, models, optimize, quantize, rembg, remove, serve, streams, video, web
from .options import running, say, session, stages

if TYPE_CHECKING:
    from ..session import Session


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: sys.argv[1:]) and return its exit code."""
    streams.settle()
    try:
        code = _run(argv)
        streams.flush_output()
        return code
    except BrokenPipeError:  # `rmbg-fast models list | head -1`
        streams.discard_output()
        return 1
    except KeyboardInterrupt:
        say("interrupted; no file is half-written")
        return 130
    except OptionError as exc:
        say(str(exc))
        return 2
    except RmbgError as exc:
        say(str(exc))
        return 1
    except OSError as exc:  # of what is printed
        streams.discard_output()
        say(f"standard output cannot be written: {exc.strerror or exc}")
        return 1


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(argv)
    except SystemExit as exc:  # --help, --version and usage errors, which argparse has printed
        return int(exc.code or 0)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # up to the limit, a photo is a photo
        code: int = args.run(args)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"note: {message}")


# --- info, demo


def _info(args: argparse.Namespace) -> int:
    from .._runtime.build_info import build_info

    info = build_info()
    if args.json:
        import json

        print(json.dumps(info, indent=2, default=str))
        return 0
    width = max(map(len, info), default=0)
    for key, value in info.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        print(f"{key.ljust(width)}  {'-' if text is None else text}")
    return 0


def _demo(args: argparse.Namespace) -> int:
    from .._images import sample
    from . import demo

    cat = sample.photo()
    result = demo.run(_demo_session(args), cat, Path(args.output))
    for path in result.files:
        print(path)
    print(stages(result.timings))
    return 0


def _demo_session(args: argparse.Namespace) -> Session:
    """Of the model that was asked for, or else of the default one, or else, where that cannot be had, the embedded."""
    from ..models import EMBEDDED, names

    if args.model is not None:
        return session(args)
    args.model = names()[0]
    try:
        made = session(args)
    except ModelDownloadError as exc:
        say(str(exc))
        args.model = EMBEDDED
        made = session(args)
    say(f"the model is {args.model}")
    return made


# --- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rmbg-fast", description="Remove the background of photos.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    remove.add(commands)
    frames.add(commands)
    video.add(commands)
    models.add(commands)
    cache.add(commands)
    info = commands.add_parser("info", help="what is installed and what runs, for a bug report")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)
    demo = commands.add_parser("demo", parents=[running()], help="cut out a photo of a cat that scikit-image ships")
    demo.add_argument("-o", "--output", default="rmbg-fast-demo", metavar="DIR", help="default: ./%(default)s")
    demo.set_defaults(run=_demo, model=None)
    convert.add(commands)
    optimize.add(commands)
    quantize.add(commands)
    web.add(commands)
    serve.add(commands)
    rembg.add(commands)
    return parser


class _Version(argparse.Action):
    """`--version`, which looks the version up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"rmbg-fast {version('rmbg-fast')}")
        parser.exit()
