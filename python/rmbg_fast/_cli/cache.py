"""The subcommand `rmbg-fast cache`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import print_table, say

if TYPE_CHECKING:
    from .._cache import Entry

_WORDS = {
    "model": "model",
    "prepared": "prepared graph",
    "engines": "TensorRT engines",
    "digest": "digests",
    "part": "unfinished",
    "older": "older version's",
    "other": "not ours",
}


def add(commands: Any) -> None:
    """Add `cache` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser("cache", help="show what is stored, or remove of it")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_show)
    actions = parser.add_subparsers(metavar="ACTION")
    clean = actions.add_parser(
        "clean", help="remove graphs of models that are gone, unfinished downloads, and what older versions left"
    )
    clean.add_argument("--all", action="store_true", help="remove the models too, and all that would be used again")
    clean.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be")
    clean.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="of models of your own: what older versions left beside them goes too (folders of models that this "
        "version has used are known)",
    )
    clean.set_defaults(run=_clean)


def _show(args: argparse.Namespace) -> int:
    from .. import _cache
    from .._storage import folders

    found = _cache.entries()
    unneeded = _cache.unneeded(found)
    if args.json:
        import json

        listed = [
            {
                "kind": entry.kind,
                "model": entry.model or None,
                "bytes": entry.bytes,
                "needed": entry not in unneeded,
                "files": list(map(str, entry.files)),
            }
            for entry in found
        ]
        totals = {"folder": str(folders.home()), "bytes": _bytes(found), "unneeded_bytes": _bytes(unneeded)}
        print(json.dumps({**totals, "entries": listed}, indent=2))
        return 0
    rows = []
    for entry in found:
        if entry.kind != "digest":
            needed = "-" if entry.kind == "other" else "no" if entry in unneeded else "yes"
            rows.append((_WORDS[entry.kind], entry.model or "-", _size(entry.bytes), needed, str(_path(entry))))
    print_table(("WHAT", "OF", "SIZE", "NEEDED", "FILE"), rows)
    print(f"{folders.home()}: {_size(_bytes(found))} in all")
    if unneeded:
        print(f"rmbg-fast cache clean would remove {_size(_bytes(unneeded))}")
    return 0


def _clean(args: argparse.Namespace) -> int:
    from .. import _cache

    found = _cache.unneeded(_cache.entries(args.folders), everything=args.all)
    names = [entry.model for entry in found if entry.kind == "model"]
    if names:
        say(f"the models go too, and are downloaded again when they are needed: {', '.join(names)}")
    code, removed = 0, 0
    for entry in found:
        size = entry.bytes
        try:
            if not args.dry_run:
                entry.remove()
        except BlockingIOError:
            say(f"{_path(entry)}: stays: somebody is at work on it")
            continue
        except OSError as exc:
            say(f"{exc.filename or _path(entry)}: cannot be removed: {exc.strerror or exc}")
            code = 1
            continue
        removed += size
        if entry.kind != "digest":
            print(f"{_WORDS[entry.kind]}  {_size(size)}  {_path(entry)}")
    print(f"{_size(removed)} {'would be ' if args.dry_run else ''}removed")
    return code


def _path(entry: Entry) -> Path:
    """The file that names the entry best, or the folder where there are several of no common name."""
    if entry.kind == "engines":
        return entry.files[0].parent
    return next((file for file in entry.files if file.suffix == ".onnx"), entry.files[0])


def _bytes(entries: Iterable[Entry]) -> int:
    return sum(entry.bytes for entry in entries)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
