"""Writes the measured tables of README and docs from the results in `benches/results` and in the package.

    python scripts/make_tables.py [--check]      --check: write nothing, fail where a page says something else

A page names what it shows in comments, and what stands between them is made:

    <!-- table: MACHINE/SUBJECT TITLE; COLUMN; COLUMN -->      all columns where none is named
    <!-- about: MACHINE/SUBJECT -->                              the machine, the versions, how busy it was
    <!-- end -->

A single figure in a sentence or in another table stands behind a comment, up to the next `|` or the end of the line:

    <!-- figure: MACHINE/SUBJECT TITLE; ROW; COLUMN; UNIT -->0.6 s

ROW is the text at the beginning of the row's cells, as `1920 x 1080, rembg`. UNIT is `s` or `GB` for a column of
milliseconds or megabytes, which are then divided by 1000, or what is to stand behind the number.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benches"))
from caption import caption  # noqa: E402
from tables import number, table  # noqa: E402

RESULTS = ROOT / "benches" / "results"
SHIPPED = {"models/costs": ROOT / "python" / "rmbg_fast" / "models" / "costs.json"}
"""Results that are a part of the package, which shows them too."""
BLOCK = re.compile(r"(?P<head><!-- (?P<kind>table|about): (?P<what>[^>]*?) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
FIGURE = re.compile(r"(?P<head><!-- figure: (?P<what>[^>]*?) -->)[^|\n]*?(?P<end> *(?=\||\n|$))")


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def made(text: str) -> str:
    """A page with what its comments ask for."""

    def block(match: re.Match[str]) -> str:
        what = match["what"]
        body = caption(document(what.strip())) if match["kind"] == "about" else made_table(what)
        return f"{match['head']}\n{body}\n\n{match['end']}"

    return FIGURE.sub(lambda match: match["head"] + figure(match["what"]) + match["end"], BLOCK.sub(block, text))


def document(name: str) -> dict[str, Any]:
    path = SHIPPED.get(name, RESULTS / f"{name}.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def rows_of(what: str) -> list[dict[str, Any]]:
    name, title = what.strip().split(" ", 1)
    rows: list[dict[str, Any]] = document(name)["tables"][title]
    return rows


def made_table(what: str) -> str:
    source, *columns = (part.strip() for part in what.split(";"))
    rows = rows_of(source)
    return table([{column: row[column] for column in columns or row if column in row} for row in rows])


def figure(what: str) -> str:
    source, wanted, column, unit = (part.strip() for part in what.split(";"))
    row = next(row for row in rows_of(source) if ", ".join(map(str, row.values())).startswith(wanted))
    value = row[column]
    return f"{value / 1e3:.1f} {unit}" if unit in ("s", "GB") else f"{number(value)} {unit}".strip()


def main(arguments: list[str]) -> int:
    stale = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if made(text) != text:
            stale.append(page.relative_to(ROOT))
            if arguments != ["--check"]:
                page.write_text(made(text), encoding="utf-8")
    if arguments == ["--check"] and stale:
        print(f"not what benches/results says: {', '.join(map(str, stale))}; run python scripts/make_tables.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
