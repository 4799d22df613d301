"""The subcommand `rmbg-fast models`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import RmbgError
from .options import print_table, say


def add(commands: Any) -> None:
    """Add `models` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser("models", help="list, download and find models")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    every = actions.add_parser("list", help="names, licences, sizes, and what a photo takes on a CPU")
    every.add_argument("--json", action="store_true", help="as JSON, with what rembg takes beside")
    every.set_defaults(run=_models_list)
    for action, run, text in (("pull", _models_pull, "download"), ("path", _models_path, "print where the file lies")):
        command = actions.add_parser(action, help=text)
        command.add_argument("names", nargs="+", metavar="NAME", help="as `rmbg-fast models list` prints it")
        command.set_defaults(run=run)
    check = actions.add_parser("check", help="compare the files with their digests, fetch anew what is damaged")
    check.add_argument("names", nargs="*", metavar="NAME", help="default: all that are here")
    check.set_defaults(run=_models_check)


def _models_list(args: argparse.Namespace) -> int:
    from .. import models
    from ..models import costs

    found: list[dict[str, Any]] = []
    for name in models.names():
        spec = models.get(name)
        found.append(
            {
                "name": name,
                "license": spec.license,
                "commercial": spec.commercial,
                "bytes": spec.files[0].bytes if spec.files else None,
                "here": _is_here(name),
                "cost": costs.of(name),
            }
        )
    if args.json:
        import json

        print(json.dumps({"measured_on": costs.machine(), "models": found}, indent=2))
        return 0
    rows = [
        (
            model["name"],
            model["license"],
            _yes(model["commercial"]),
            f"{model['bytes'] / 1e6:.0f} MB" if model["bytes"] else "-",
            _yes(model["here"]),
            *_cost(model["cost"]),
        )
        for model in found
    ]
    print_table(("NAME", "LICENCE", "COMMERCIAL USE", "SIZE", "HERE", "PROCESSOR TIME", "MEMORY"), rows)
    about = (
        "Processor time of a photo with a loaded model, shared by as many cores as there are, and memory of the process"
    )
    print(f"\n{about}; measured on: {costs.machine()}")
    return 0


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _cost(cost: dict[str, float] | None) -> tuple[str, str]:
    if cost is None:
        return "-", "-"
    return f"{cost['processor_seconds']:.2g} s", f"{cost['megabytes'] / 1e3:.1f} GB"


def _is_here(name: str) -> bool:
    from .. import models
    from ..errors import ModelError

    try:
        return models.path(name).is_file()
    except ModelError:
        return False


def _models_pull(args: argparse.Namespace) -> int:
    from .. import models

    return _for_each(args.names, lambda name: print(models.pull(name)))


def _models_path(args: argparse.Namespace) -> int:
    from .. import models

    return _for_each(args.names, lambda name: print(models.path(name)))


def _models_check(args: argparse.Namespace) -> int:
    from .. import models

    def check(name: str) -> None:
        path, renewed = models.check(name)
        print(f"{path}  {'was damaged, fetched anew' if renewed else 'whole'}")

    return _for_each(args.names or [name for name in models.names() if _is_here(name)], check)


def _for_each(names: Sequence[str], action: Callable[[str], None]) -> int:
    code = 0
    for name in names:
        try:
            action(name)
        except RmbgError as exc:
            say(str(exc))
            code = 1
    return code
