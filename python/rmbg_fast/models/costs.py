"""What a photo costs with each model on a CPU, as `benches/costs.py` measured it: costs.json, from which the tables of
the documents are made too."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any


def of(name: str) -> dict[str, float] | None:
    """`seconds` and `processor_seconds` of a call with a loaded model, resident `megabytes` of the process after it,
    on two threads; the same of rembg where that was measured, as `rembg_seconds` and so on. None: it was not measured.
    """
    row = _rows().get(name)
    if row is None:
        return None
    columns = {"seconds": "s", "processor_seconds": "processor s", "megabytes": "MB"}
    return {
        f"{prefix}{key}": row[f"{who}, {column}"]
        for who, prefix in (("rmbg-fast", ""), ("rembg", "rembg_"))
        for key, column in columns.items()
        if f"{who}, {column}" in row
    }


def machine() -> str:
    """What it was measured on."""
    about = _document()["machine"]
    return f"{about['cpu']}, {about['cores']} cores"


def _rows() -> dict[str, dict[str, Any]]:
    rows: list[dict[str, Any]] = _document()["tables"]["costs"]
    return {name: row for row in rows for name in (row["model"], *row["as much"].split(", "))}


@functools.cache
def _document() -> dict[str, Any]:
    import json

    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("costs.json").read_text(encoding="utf-8"))
    return loaded
