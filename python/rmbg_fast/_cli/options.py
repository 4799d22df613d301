"""What the subcommands of `rmbg-fast` share: the options of a session, and how they speak."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import OptionError, RmbgError
from .streams import tell

if TYPE_CHECKING:
    from .._images import backgrounds
    from ..session import Session


def say(line: str) -> None:
    """A line on standard error."""
    tell(f"rmbg-fast: {line}")


def stages(timings: Mapping[str, float]) -> str:
    """Milliseconds by stage, as text."""
    return ", ".join(f"{stage} {milliseconds:.0f} ms" for stage, milliseconds in timings.items())


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns that are as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def running() -> argparse.ArgumentParser:
    """The options that say what runs, as a parent of parsers; `session` takes them."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--model", default="isnet-general-use", metavar="NAME|FILE.onnx", help="default: %(default)s")
    parser.add_argument(
        "--recipe", metavar="NAME", help="feed the model as another's code does, for instance rembg; default: its own"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N; cuda never falls back")
    threads_option(parser)
    return parser


def threads_option(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    parser.add_argument("--threads", type=number(1), metavar="N", help="default: what this machine or container allows")


def session(args: argparse.Namespace) -> Session:
    """The session that the options of `running` ask for."""
    from ..session import Session

    return Session(args.model, device=args.device, threads=args.threads, recipe=args.recipe)


def number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The parser of a whole number in a range."""
    wanted = f"must be a whole number of at least {least}" if most is None else f"must be a number {least}..{most}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}")
        return value

    return parse


def ground(text: str) -> backgrounds.Ground:
    """The parser of a background: a colour, or a picture's file."""
    from .._images import backgrounds

    try:
        return backgrounds.Ground(text)
    except RmbgError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def format_name(text: str) -> str:
    """The parser of a format that results are written in."""
    from .._images import formats

    try:
        return formats.output_format(text).name
    except OptionError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
