"""Numbers and tables of Markdown."""

from __future__ import annotations

from typing import Any


def table(rows: list[dict[str, Any]]) -> str:
    """A row each; the columns are all their keys, and a cell is empty where a row lacks one."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    lines = [heads, ["---"] * len(heads), *([number(row.get(head, "")) for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: Any) -> str:
    """Three digits of a float, and no exponent where it is large; nothing for None; anything else as it is."""
    if not isinstance(value, float):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:#.3g}"


def picture(size: tuple[int, int]) -> str:
    """(height, width) as people write it."""
    return f"{size[1]} x {size[0]}"
