"""Who may import whom: imports run one way, from the rooms above to those below, and in no circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import rmbg_fast

PACKAGE = Path(rmbg_fast.__file__).parent
# From the bottom. A room may import those of its own floor and of the floors below.
FLOORS = (
    {"errors", "_choices"},
    {"_core", "_kept", "_storage", "_arguments", "_buffers", "_memory", "_runtime", "_scene"},
    {"ops", "models", "_images", "_graphs"},
    {"flow"},
    {"reference", "session", "_call", "_on_device", "_kept_sessions", "_cache", "_loading", "_options", "convert"},
    {"_quantize", "_web"},
    {"_serve", "rembg", "ray", "_cli"},
    {"__init__", "__main__"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports anywhere in it, dotted from the package."""
    here = path.relative_to(PACKAGE).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [*here[: len(here) - node.level], *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            full = PACKAGE.joinpath(*base, alias.name)
            inner = full.with_suffix(".py").is_file() or full.is_dir() or alias.name == "_core"
            found.add(".".join([*base, alias.name] if inner else base) or "__init__")
    return found


def graph() -> dict[str, set[str]]:
    files = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name: imports(path) for path, name in files.items()}


def test_every_room_has_a_floor() -> None:
    assert {name.split(".")[0] for name in graph()} <= FLOOR_OF.keys()


def test_imports_run_from_above_to_below() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if FLOOR_OF[other.split(".")[0]] > FLOOR_OF[name.split(".")[0]]
    ]
    assert not upwards


def test_no_circle() -> None:
    TopologicalSorter({name.removesuffix(".__init__"): found for name, found in graph().items()}).prepare()
